using System.Text.Json;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Cli;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A store that can't be read hides its backups; that is not the same as having none.</summary>
public sealed class UnreadableStoreTests : IAsyncLifetime
{
    private const string Unknown = "unknown: the store cannot be read";

    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public async Task InitializeAsync()
    {
        await Place.RunAsync("backup");
        Directory.Move(Place.Store, Place.In("moved away"));
    }

    public Task DisposeAsync()
    {
        night.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task The_report_does_not_say_that_there_is_no_backup_nor_that_the_RPO_is_kept()
    {
        var lines = (await Place.RunAsync("report", "--lang", "ja")).Output.Split('\n');
        Assert.Contains("■ 最終正常バックアップ: 不明（格納先を読み取れない）", lines);
        Assert.Contains("■ RPO影響: 不明", lines);

        var json = (await Place.RunAsync("report", "--json")).Json[0];
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (json.GetProperty("rpoExceeded").ValueKind, json.GetProperty("lastGood").ValueKind));
    }

    [Fact]
    public async Task The_status_counts_no_backups()
    {
        Assert.Matches(@"\nitsm +L2 +unknown +\? ", (await Place.RunAsync("status")).Output);

        var json = (await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (json.GetProperty("backups").ValueKind, json.GetProperty("newestGood").ValueKind));
    }

    [Fact]
    public async Task The_diagnosis_does_not_claim_to_know_the_newest_backup()
    {
        var (found, _) = await night.DiagnoseAsync();

        Assert.Equal(Unknown, found.GetProperty("steps")[0].GetProperty("evidence").GetString());
    }

    /// <summary>The backup that ended it can't be seen now, and the journal knows of it.</summary>
    [Theory]
    [InlineData(-2, "other")]
    [InlineData(2, "restore failed")]
    public async Task A_restore_that_failed_is_told_only_if_no_backup_succeeded_since(double hours, string kind)
    {
        var at = Workplace.Now.AddHours(hours);
        night.InJournal(journal => journal.Record(new Operation(
            0, "itsm", OperationKind.Restore, at, at, Backup: null, "restore of a.db.gz over the live database itsm.db; the old one is b", new RunFailure(FailureKind.Restore, "no", "look")) { IsOverLive = true }));

        var report = (await Place.RunAsync("report", "--lang", "en", "--json")).Json[0];

        Assert.Equal(kind, report.GetProperty("kinds")[0].GetString());
        Assert.Equal(hours > 0, (await Place.RunAsync("status")).Output.Contains("the last restore over the live database failed", StringComparison.Ordinal));
        Assert.Contains("L2", report.GetProperty("state").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_checklist_asks_to_mend_the_store_and_not_for_a_backup_that_cannot_work()
    {
        var checks = (await Place.RunAsync("checklist", "--lang", "en", "--json")).Json[0].GetProperty("checks");

        foreach (var number in (int[])[2, 3, 4, 5])
        {
            var check = checks[number - 1];
            Assert.Equal((Unknown, $"findmnt -T {Place.Store}"), (check.GetProperty("measured").GetString(), check.GetProperty("next").GetString()));
        }

        Assert.False(checks[6].GetProperty("passed").GetBoolean());
        Assert.StartsWith("a run would fail: store 'local' does not exist", checks[6].GetProperty("measured").GetString(), StringComparison.Ordinal);
    }
}
