using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A disk that is not mounted, and whose mount point is there: the store is an empty directory that anybody would write into.</summary>
public sealed class EmptiedStoreTests : IAsyncLifetime
{
    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public async Task InitializeAsync()
    {
        await Place.RunAsync("backup");
        await Place.RunAsync("backup");
        Directory.Move(Place.Store, Place.In("unmounted"));
        Directory.CreateDirectory(Place.Store);
    }

    public Task DisposeAsync()
    {
        night.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task The_diagnosis_asks_for_the_mount_first_and_gives_nothing_away()
    {
        var (found, code) = await night.DiagnoseAsync();

        Assert.Equal(("E", "L3", 3), (found.GetProperty("cause").GetString(), found.GetProperty("level").GetString(), code));
        Assert.StartsWith("its store is not the one that its backups were kept in; the store is empty although 2 backups succeeded: is its disk mounted?", found.GetProperty("evidence").GetString(), StringComparison.Ordinal);
        Assert.Equal(
            [$"findmnt -T {Place.Store}", $"ls -la {Place.Store}", "nexus-backup list itsm", $"install -m 644 /dev/null '{Place.In("state/store-marks/local")}'   # only if what lies there now is to be store local from now on", "nexus-backup backup itsm"],
            found.GetProperty("next").EnumerateArray().Select(command => command.GetString()));
        Assert.Equal(3, (await Place.RunAsync("backup")).Code); // nothing is written there before
        foreach (var command in found.GetProperty("next").EnumerateArray().Skip(3).Select(command => command.GetString()!)) // as it is pasted
            Assert.Equal(0, command.StartsWith("install", StringComparison.Ordinal) ? (await Shell.BashAsync(command)).Length : (await Place.RunAsync(command.Split(' ')[1..])).Code);
    }

    [Fact]
    public async Task A_store_that_holds_something_else_is_not_called_empty()
    {
        await File.WriteAllTextAsync(Path.Combine(Place.Store, "README"), "not a backup");

        var (found, _) = await night.DiagnoseAsync();

        Assert.Equal($"its store is not the one that its backups were kept in; nothing is left in {Place.Store} although 2 backups succeeded: is the right disk mounted?", found.GetProperty("evidence").GetString());
    }

    [Fact]
    public async Task A_verification_fails_each_time_and_calls_nothing_lost_for_good()
    {
        for (var time = 0; time < 2; time++)
            Assert.Equal(4, (await Place.RunAsync("verify", "--all")).Code);
        Assert.Equal(3, (await Place.RunAsync("verify")).Code);

        Directory.Delete(Place.Store);
        Directory.Move(Place.In("unmounted"), Place.Store);
        Assert.Equal(0, (await Place.RunAsync("verify", "--all")).Code);
    }

    [Fact]
    public async Task The_checklist_asks_for_the_mount_too()
    {
        var checks = (await Place.RunAsync("checklist", "--lang", "en", "--json")).Json[0].GetProperty("checks");

        foreach (var number in (int[])[2, 3, 4, 5])
            Assert.Equal($"findmnt -T {Place.Store}", checks[number - 1].GetProperty("next").GetString());
    }

    [Fact]
    public async Task All_commands_say_the_same_of_it_at_the_same_level()
    {
        const string Word = "is not the one that its backups were kept in";
        foreach (var (command, reasons) in new[] { ("status", "sources"), ("diagnose", ""), ("report", "") })
        {
            var json = (await Place.RunAsync(command, "--lang", "en", "--json")).Json;
            var source = (reasons.Length > 0 ? json.GetProperty(reasons) : json)[0];
            Assert.Equal("L3", source.GetProperty("level").GetString());
            Assert.EndsWith(Word, Assert.Single(source.GetProperty("reasons").EnumerateArray(), reason => reason.ToString().Contains("its store ", StringComparison.Ordinal) || reason.ToString().Contains("good backup any more", StringComparison.Ordinal)).GetString(), StringComparison.Ordinal);
        }

        var listed = await Place.RunAsync("list");
        Assert.Contains(Word, listed.Error, StringComparison.Ordinal);
        Assert.Contains("no backups here", listed.Output, StringComparison.Ordinal);
        Assert.Matches("^L3 itsm: its store is not the one that its backups were kept in\n", (await Place.RunAsync("status", "--check", "--lang", "en")).Output);
    }

    /// <summary>Somebody deleted all of them, and the store is the one it was.</summary>
    [Fact]
    public async Task Backups_that_were_deleted_are_called_lost()
    {
        Directory.Delete(Place.Store);
        Directory.Move(Place.In("unmounted"), Place.Store);
        foreach (var file in Directory.GetFiles(Place.Store, "*_*"))
            File.Delete(file);

        var report = (await Place.RunAsync("report", "--lang", "en", "--json")).Json[0];

        Assert.Equal(("other (backups lost)", "L3"), (Assert.Single(report.GetProperty("kinds").EnumerateArray()).GetString(), report.GetProperty("level").GetString()));
    }

    [Fact]
    public async Task The_report_names_the_store()
    {
        var report = (await Place.RunAsync("report", "--lang", "en", "--json")).Json[0];

        Assert.Equal("other (not the store that its backups were kept in)", Assert.Single(report.GetProperty("kinds").EnumerateArray()).GetString());
        Assert.Contains("■ Last good backup: none here: not the store that its backups were kept in", report.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal("waiting for escalation (L3)", report.GetProperty("state").GetString());
    }

    [Fact]
    public async Task When_the_disk_is_back_all_is_well()
    {
        Directory.Delete(Place.Store);
        Directory.Move(Place.In("unmounted"), Place.Store);

        Assert.Equal("healthy", (await night.DiagnoseAsync()).Json.GetProperty("cause").GetString());
    }
}
