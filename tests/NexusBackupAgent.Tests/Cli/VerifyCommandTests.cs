using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>What verify does about a corrupt backup, as the runbook's §3.2 [A] has a person do it.</summary>
public sealed class VerifyCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_corrupt_backup_is_set_aside_and_replaced_once_and_the_code_stays_4()
    {
        var file = await DamagedAsync();

        var result = await place.RunAsync("verify");

        Assert.Equal(4, result.Code);
        Assert.Contains($"it is kept as '{file}.bad'", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Contains($"{place.Artifact()} replaces it, verified", result.Output, StringComparison.Ordinal);
        Assert.Equal(["good", "quarantined"], (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => Text(backup, "state")));
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
        Assert.Single(Directory.GetFiles(place.Store, "*.db.gz"));
    }

    [Fact]
    public async Task The_runbooks_loops_no_longer_see_it()
    {
        await DamagedAsync();
        await place.RunAsync("verify");

        await Shell.BashAsync($"cd '{place.Store}'; for gz in *.db.gz; do sha256sum -c --quiet \"$gz.sha256\"; gunzip -t \"$gz\"; done; test \"$(ls *.db.gz | wc -l)\" = 1");
    }

    [Fact]
    public async Task Without_replacement_none_is_made()
    {
        await DamagedAsync();
        Assert.Equal(4, (await place.RunAsync("verify", "--no-replacement")).Code);
        Assert.Empty(Directory.GetFiles(place.Store, "*.db.gz"));
    }

    [Fact]
    public async Task A_json_document_stays_one_document()
    {
        await DamagedAsync();
        var result = await place.RunAsync("verify", "--json");
        Assert.Equal("quarantined", Text(Assert.Single(result.Json.EnumerateArray()), "state"));
        Assert.Contains("replaces it", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_set_aside_is_read_again_when_it_is_named_and_nothing_changes()
    {
        var file = await DamagedAsync();
        await place.RunAsync("verify", "--no-replacement");
        var before = Directory.GetFiles(place.Store).Select(each => (each, File.GetLastWriteTimeUtc(each))).Order().ToList();

        var result = await place.RunAsync("verify", Path.GetFileName(file) + ".bad", "--no-replacement");

        Assert.Equal(4, result.Code);
        Assert.Contains("set aside before", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFiles(place.Store).Select(each => (each, File.GetLastWriteTimeUtc(each))).Order());
    }

    [Fact]
    public async Task A_sound_one_that_was_set_aside_can_be_taken_back_with_mv()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var file = place.Artifact();
        File.Move(file, file + ".bad");
        Assert.Equal("quarantined", Text((await place.RunAsync("list", "--json")).Json[0], "state"));

        var result = await place.RunAsync("verify", Path.GetFileName(file) + ".bad");

        Assert.Equal(0, result.Code);
        Assert.Contains($"mv '{file}.bad' '{file}'", result.Error, StringComparison.Ordinal);
        File.Move(file + ".bad", file);
        Assert.Equal(0, (await place.RunAsync("verify")).Code);
        Assert.Equal("good", Text((await place.RunAsync("list", "--json")).Json[0], "state"));
    }

    [Fact]
    public async Task A_taken_name_is_told_with_the_next_step()
    {
        var file = await DamagedAsync();
        await File.WriteAllTextAsync(file + ".bad", "an older one");
        var result = await place.RunAsync("verify", Path.GetFileName(file), "--no-replacement");
        Assert.Equal(4, result.Code);
        Assert.Contains($"'{file}.bad' exists already", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.True(File.Exists(file));
    }

    [Fact]
    public async Task The_self_test_passes_and_shows_every_damage()
    {
        var result = await place.RunAsync("verify", "--self-test");
        Assert.Equal(0, result.Code);
        Assert.Contains("✓", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("✗", result.Output, StringComparison.Ordinal);

        var json = (await place.RunAsync("verify", "--self-test", "--json")).Json;
        Assert.True(json.GetProperty("passed").GetBoolean());
        Assert.Contains(json.GetProperty("cases").EnumerateArray(), each => Text(each, "damage") == "a damaged database, stored without a flaw" && each.GetProperty("found")[0].GetString() == "integrity");
    }

    [Fact]
    public async Task Status_names_what_the_daily_review_misses()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        using (var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            journal.NoteSchedules("itsm", [new NotedSchedule("daily", "0 2 * * *", RetentionPeriod.Parse("7d"), Workplace.Now.AddDays(-3))], Workplace.Now, TimeZoneInfo.Utc);

        var missing = Assert.Single((await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("missing").EnumerateArray());
        Assert.Equal(("daily", missing.GetProperty("expected").GetInt32()), (Text(missing, "schedule"), missing.GetProperty("missing").GetArrayLength()));
        Assert.InRange(missing.GetProperty("expected").GetInt32(), 2, 3); // within the hour after 02:00 the newest is waited for
        Assert.Matches("[23] of [23] daily backups are missing: 20[0-9-]+ 02:00, ", (await place.RunAsync("status")).Output);
    }

    private async Task<string> DamagedAsync()
    {
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        var file = place.Artifact();
        Damage.FlipBit(file);
        return file;
    }
}
