using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Cli;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>What is told, and in which order, after a restore over the live database that failed or died.</summary>
public sealed class FailedRestoreTests : IDisposable
{
    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    private string Database => Place.In("itsm.db");

    public void Dispose() => night.Dispose();

    [Theory]
    [InlineData(true, "was interrupted, begun 20")]
    [InlineData(false, "failed at 20")]
    public async Task The_diagnosis_asks_what_is_there_and_for_a_backup_before_it_asks_for_a_restore(bool died, string evidence)
    {
        await Place.RunAsync("backup");
        await FailRestoreAsync(died);

        var (found, code) = await night.DiagnoseAsync();

        Assert.Equal((3, "DB", "L2"), (code, Text(found, "cause"), Text(found, "level")));
        Assert.Contains(evidence, Text(found, "evidence"), StringComparison.Ordinal);
        Assert.Equal(
            [
                $"sudo fuser -v {Database}",
                $"sqlite3 {Database} 'PRAGMA integrity_check'",
                "nexus-backup backup itsm",
                "nexus-backup restore itsm --dry-run",
                "sudo nexus-backup restore itsm --force",
            ],
            found.GetProperty("next").EnumerateArray().Select(command => command.GetString()!.Split("   # ")[0]));
        var step = found.GetProperty("steps").EnumerateArray().Single(step => Text(step, "step") == "3DB");
        Assert.Equal((false, Text(found, "evidence")), (step.GetProperty("passed").GetBoolean(), Text(step, "evidence")));
    }

    [Fact]
    public async Task The_checklist_fails_on_the_newest_backup_alone_until_there_is_a_newer_one()
    {
        await Place.RunAsync("backup");
        await FailRestoreAsync(died: true);

        var result = await Place.RunAsync("checklist", "--lang", "en", "--json");
        var failed = Assert.Single(result.Json[0].GetProperty("checks").EnumerateArray(), check => !check.GetProperty("passed").GetBoolean());

        Assert.Equal((3, 2, "nexus-backup diagnose itsm"), (result.Code, failed.GetProperty("number").GetInt32(), Text(failed, "next")));
        Assert.Contains("restore over the live database was interrupted", Text(failed, "measured"), StringComparison.Ordinal);

        await Place.RunAsync("backup");
        Assert.Equal(0, (await Place.RunAsync("checklist")).Code);
        Assert.Equal(0, (await Place.RunAsync("diagnose")).Code);
    }

    [Theory]
    [InlineData(true, "a restore was interrupted")]
    [InlineData(false, "a restore failed")]
    public async Task Status_names_the_same_order_and_a_good_backup_ends_its_note(bool died, string note)
    {
        await Place.RunAsync("backup");
        await FailRestoreAsync(died);

        var line = Assert.Single((await Place.RunAsync("status")).Output.Split('\n'), line => line.Contains(note, StringComparison.Ordinal));

        string[] order = ["fuser -v", "PRAGMA integrity_check", "nexus-backup backup itsm", "nexus-backup restore itsm --dry-run", "sudo nexus-backup restore itsm --force"];
        var places = order.Select(part => line.IndexOf(part, StringComparison.Ordinal)).ToList();
        Assert.DoesNotContain(-1, places);
        Assert.Equal(places.Order(), places);
        Assert.Equal(died, await InterruptedAsync());

        await Place.RunAsync("backup");
        Assert.DoesNotContain(note, (await Place.RunAsync("status")).Output, StringComparison.Ordinal);
        Assert.False(await InterruptedAsync());
    }

    [Fact]
    public async Task A_database_that_is_missing_now_leads_to_its_restore_whatever_failed_before()
    {
        await Place.RunAsync("backup");
        await FailRestoreAsync(died: true);
        File.Delete(Database);

        var (found, _) = await night.DiagnoseAsync();

        Assert.Contains("does not exist", Text(found, "evidence"), StringComparison.Ordinal);
        Assert.Equal($"ls -la {Place.Path}", found.GetProperty("next")[0].GetString());
        Assert.DoesNotContain("sqlite3", (await Place.RunAsync("status")).Output, StringComparison.Ordinal); // it would make an empty database
    }

    /// <summary>Damage that a run met is answered by a restore; when that died, it may have been mended by then.</summary>
    [Theory]
    [InlineData(-1, "interrupted", 2)]
    [InlineData(1, "malformed", 3)]
    public async Task What_happened_last_is_what_is_told(double hoursOfRun, string evidence, int placeOfBackup)
    {
        await Place.RunAsync("backup");
        await FailRestoreAsync(died: true);
        night.FailRun(FailureKind.SourceCorrupt, "the database is malformed", Place.Clock.GetUtcNow().AddHours(hoursOfRun));

        var (found, _) = await night.DiagnoseAsync();

        Assert.Contains(evidence, Text(found, "evidence"), StringComparison.Ordinal);
        Assert.StartsWith("nexus-backup backup itsm", found.GetProperty("next")[placeOfBackup].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_names_the_source_and_the_time_of_the_run_and_after_a_restore_a_backup()
    {
        await Place.RunAsync("backup");
        File.Delete(Database);
        await Place.RunAsync("backup");

        var before = (await Place.RunAsync("status")).Output;
        Assert.Matches($"itsm: last run, 20..-..-.. ..:..: database '{Database}' does not exist — next: mount its disk", before);
        Assert.Contains("(nexus-backup restore itsm --dry-run)", before, StringComparison.Ordinal);
        Assert.DoesNotContain("SOURCE", before + (await Place.RunAsync("status", "--json")).Output, StringComparison.Ordinal);

        Assert.Equal(0, (await Place.RunAsync("restore", "itsm", "--force")).Code);
        var after = (await Place.RunAsync("status")).Output;
        Assert.Matches(@"itsm: last run, .*; restored since, 20..-..-.. ..:.. — next: nexus-backup backup itsm\s", after);
        Assert.DoesNotContain("mount its disk", after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_elsewhere_that_died_asks_for_nothing_of_the_live_database()
    {
        await Place.RunAsync("backup");
        await FailRestoreAsync(died: true, isLive: false);

        Assert.Contains("/look.db) — next: run that restore again", (await Place.RunAsync("status")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await night.DiagnoseAsync()).Code);
    }

    private async Task<bool> InterruptedAsync() =>
        (await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("restoreInterruptedAt").ValueKind != JsonValueKind.Null;

    private async Task FailRestoreAsync(bool died, bool isLive = true)
    {
        var now = Place.Clock.GetUtcNow();
        var restore = Operation.Begun("itsm", OperationKind.Restore, now, $"restore of a.db.gz {(isLive ? "over the live database " + Database : "to /look.db")}") with { IsOverLive = isLive };
        using var journal = new OperationJournal(JournalDatabase.Open(night.State, now, out _));
        if (died)
            (await new RestoreHistory(journal, night.State, Place.Clock, NullLogger<RestoreHistory>.Instance).BeginAsync(restore, CancellationToken.None)).Dispose();
        else
            journal.Record(restore with { EndedAt = now, Failure = new RunFailure(FailureKind.Restore, "the rename was refused", "look") });
    }
}
