using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>What <c>verify --stored-bytes</c> shows, what it says that it does not, and what it does about damage.</summary>
public sealed class StoredBytesCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task It_says_what_was_not_proven_and_leaves_what_was()
    {
        await BackUpAsync("full");
        await BackUpAsync("incremental");
        var before = Kept();

        var result = await place.RunAsync("verify", "--stored-bytes");

        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.Contains("✓ size and SHA-256; only the stored bytes of 2 files were read, and nothing was expanded; what is in them an earlier reading proved (", result.Output, StringComparison.Ordinal);
        Assert.Contains("- gzip: not tried", result.Output, StringComparison.Ordinal);
        Assert.Contains("- PRAGMA integrity_check: not tried", result.Output, StringComparison.Ordinal);
        Assert.Equal(before, Kept());

        var listed = (await place.RunAsync("list", "--json")).Json;
        var all = (await place.RunAsync("verify", "--all", "--stored-bytes", "--json")).Json;
        Assert.Equal(["storedBytes", "storedBytes"], all.EnumerateArray().Select(backup => Text(backup, "read")));
        foreach (var name in (string[])["proof", "verifiedAt", "state"])
            Assert.Equal(listed.EnumerateArray().Select(backup => Text(backup, name)).Order(StringComparer.Ordinal), all.EnumerateArray().Select(backup => Text(backup, name)).Order(StringComparer.Ordinal));
        Assert.All(all.EnumerateArray(), backup => Assert.Equal("checksum", Text(Assert.Single(backup.GetProperty("checks").EnumerateArray()), "check")));
        Assert.Equal(before, Kept());
    }

    [Fact]
    public async Task It_makes_nothing_good_that_was_never_read_back()
    {
        await BackUpAsync("full");
        File.Delete(place.Artifact() + ".verification.json");

        var read = Assert.Single((await place.RunAsync("verify", "--stored-bytes", "--json")).Json.EnumerateArray());

        Assert.Equal("unverified", Text(read, "state"));
        Assert.Contains("what is in them nobody has proven yet: nexus-backup verify ", Text(read.GetProperty("checks")[0], "detail"), StringComparison.Ordinal);
        Assert.Equal("unverified", Text((await place.RunAsync("list", "--json")).Json[0], "state"));
        Assert.False(File.Exists(place.Artifact() + ".verification.json"));
    }

    [Fact]
    public async Task Damage_is_read_whole_set_aside_and_replaced_and_the_code_is_4()
    {
        await BackUpAsync("full");
        var file = place.Artifact();
        Damage.FlipBit(file);

        var result = await place.RunAsync("verify", "--stored-bytes");

        Assert.Equal(4, result.Code);
        Assert.Contains($"it is kept as '{file}.bad'", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Contains($"{place.Artifact()} replaces it, verified", result.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await place.RunAsync("verify", "--all", "--stored-bytes")).Code);
    }

    [Fact]
    public async Task What_an_increment_builds_on_is_read_with_it()
    {
        await BackUpAsync("full");
        await BackUpAsync("incremental");
        var full = place.Artifact();
        Damage.FlipBit(full);

        var result = await place.RunAsync("verify", "--stored-bytes", "--no-replacement");

        Assert.Equal(4, result.Code);
        Assert.Contains(Path.GetFileName(full) + ", which it needs, is corrupt", result.Error, StringComparison.Ordinal);
        Assert.True(File.Exists(full + ".bad"));
    }

    [Fact]
    public async Task A_sum_that_tells_nothing_is_told_as_by_any_verification()
    {
        await BackUpAsync("full");
        await File.WriteAllTextAsync(place.Artifact() + ".sha256", "no sum");

        var result = await place.RunAsync("verify", "--stored-bytes");

        Assert.Equal(4, result.Code);
        Assert.Contains(".sha256', beside a backup of 'itsm' that is good, is not what it should be", Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_somebody_made_by_hand_has_nothing_to_compare_with_and_is_read_whole()
    {
        await BackUpAsync("full");
        foreach (var beside in (string[])[".manifest.json", ".verification.json", ".sha256"])
            File.Delete(place.Artifact() + beside);

        var read = Assert.Single((await place.RunAsync("verify", "--stored-bytes", "--json")).Json.EnumerateArray());

        Assert.Equal(("good", "whole"), (Text(read, "state"), Text(read, "proof")));
        Assert.False(read.TryGetProperty("read", out _));
    }

    [Fact]
    public async Task The_journal_says_that_nothing_was_expanded_and_counts_no_other_check()
    {
        await BackUpAsync("full");
        var counted = await CountsAsync();

        await place.RunAsync("verify", "--stored-bytes");

        using (var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            Assert.Contains("only the stored bytes of 1 file were read, and nothing was expanded", journal.Last("itsm", OperationKind.Verification, store: null)!.Detail, StringComparison.Ordinal);
        Assert.Equal(counted.Select(count => count.Check == "checksum" ? count with { Times = count.Times + 1 } : count), await CountsAsync());
    }

    [Fact]
    public async Task One_entry_of_the_journal_tells_of_all_backups_that_are_as_they_were_stored()
    {
        await BackUpAsync("full");
        await BackUpAsync("incremental");
        await BackUpAsync("full");
        Damage.FlipBit(Text((await place.RunAsync("list", "--json")).Json[0], "file")); // the newest: no other builds on it

        await place.RunAsync("verify", "--all", "--stored-bytes", "--no-replacement");

        using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
        var entries = journal.Since("itsm", default).Where(operation => operation.Kind == OperationKind.Verification).ToList();
        var read = Assert.Single(entries, operation => operation.Succeeded);
        Assert.Equal("2 backups are in the store as stored: only the stored bytes of 2 files were read, and nothing was expanded", read.Detail);
        Assert.Null(read.Backup);
        Assert.Equal(Directory.GetFiles(place.Store, "*.gz").Sum(file => new FileInfo(file).Length), read.StoredBytes);
        Assert.NotNull(Assert.Single(entries, operation => !operation.Succeeded).Backup);
    }

    [Fact]
    public async Task Damage_is_verified_and_set_aside_although_the_journal_takes_no_entry()
    {
        await BackUpAsync("full");
        await BackUpAsync("full");
        var file = place.Artifact();
        Damage.FlipBit(file);
        await SqliteSamples.SqlAsync(place.In("state/journal.db"), "CREATE TRIGGER refuse BEFORE INSERT ON operations BEGIN SELECT RAISE(ABORT, 'refused'); END");

        var result = await place.RunAsync("verify", "--all", "--stored-bytes", "--no-replacement");

        Assert.NotEqual(0, result.Code);
        Assert.True(File.Exists(file + ".bad"));
        Assert.Contains($"cannot verify '{Path.GetFileName(file)}' of 'itsm': cannot use the run journal", result.Errors[0], StringComparison.Ordinal);
        Assert.Contains("cannot read what is stored of 'itsm': cannot use the run journal", result.Errors[1], StringComparison.Ordinal);
        Assert.Contains("only the stored bytes of 1 file were read", result.Output, StringComparison.Ordinal); // of the sound one
    }

    [Fact]
    public async Task Of_several_sources_the_damaged_one_is_named()
    {
        place.MakeDatabase("crm.db");
        await File.WriteAllTextAsync(place.Configuration, """
            timeZone: Asia/Tokyo
            stores: {local: {path: backups}}
            sources:
              crm: {sqlite: crm.db, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}
              itsm: {sqlite: itsm.db, schedules: {daily: {cron: "0 2 * * *", retention: 7d}}}

            """);
        await BackUpAsync("full");
        var damaged = Assert.Single(Directory.GetFiles(Path.Combine(place.Store, "crm"), "*.db.gz"));
        Damage.FlipBit(damaged);

        var result = await place.RunAsync("verify", "--all", "--stored-bytes", "--no-replacement");

        Assert.Equal(4, result.Code);
        Assert.Contains($"it is kept as '{damaged}.bad'", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Contains("✓ size and SHA-256; only the stored bytes of 1 file were read", result.Output, StringComparison.Ordinal);
        using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
        Assert.False(journal.Last("crm", OperationKind.Verification)!.Succeeded);
        Assert.True(journal.Last("itsm", OperationKind.Verification)!.Succeeded);
    }

    [Fact]
    public async Task What_the_sum_of_a_base_says_is_told_of_the_base_alone()
    {
        await BackUpAsync("full");
        await BackUpAsync("incremental");
        await File.WriteAllTextAsync(place.Artifact() + ".sha256", "no sum");

        var dependent = await place.RunAsync("verify", "--stored-bytes", "--json");

        Assert.Equal((0, ""), (dependent.Code, dependent.Error));
        Assert.Equal("storedBytes", Text(Assert.Single(dependent.Json.EnumerateArray()), "read"));
        var all = await place.RunAsync("verify", "--all", "--stored-bytes", "--json");
        Assert.Equal(4, all.Code);
        Assert.Equal([("full", false), ("incremental", true)], all.Json.EnumerateArray().Select(backup => (Text(backup, "type"), backup.TryGetProperty("read", out _))));
    }

    private async Task<IReadOnlyList<CheckCount>> CountsAsync() =>
    [
        .. (await place.RunAsync("metrics")).Output.Split('\n').Where(line => line.StartsWith("nexus_backup_verifications_total{", StringComparison.Ordinal) && line.Contains("success", StringComparison.Ordinal))
            .Select(line => new CheckCount(((string[])["checksum", "encoding", "integrity"]).First(check => line.Contains($"\"{check}\"", StringComparison.Ordinal)), line[^1] - '0')),
    ];

    private async Task BackUpAsync(string type)
    {
        if (type != "full")
        {
            using var connection = place.Open("itsm.db");
            Workplace.Execute(connection, "UPDATE incidents SET token = hex(randomblob(32)) WHERE id = 7");
        }

        Assert.Equal(0, (await place.RunAsync("backup", "--type", type)).Code);
    }

    /// <summary>All small files beside the backups, as they are.</summary>
    private IEnumerable<(string File, string Content)> Kept() =>
        [.. Directory.GetFiles(place.Store, "*.json").Order(StringComparer.Ordinal).Select(file => (file, File.ReadAllText(file)))];

    private static string Text(System.Text.Json.JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private sealed record CheckCount(string Check, int Times);
}
