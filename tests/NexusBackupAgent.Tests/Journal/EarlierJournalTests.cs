using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

/// <summary>Journals that agents of earlier versions wrote: what they know goes on, and so do their counters.</summary>
public sealed class EarlierJournalTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Runs_and_their_attempts_are_taken_over_as_backups(int version)
    {
        using var journal = await OpenAsync(version);

        var runs = journal.Since("itsm", default).Where(operation => operation.Kind == OperationKind.Backup).ToList();
        Assert.Equal(["manual full Success", "manual incremental Success", "manual differential Success", "weekly full Success", "daily full Skipped"], runs.Select(run => $"{run.Schedule} {run.Type!.Value.Word()} {run.Result}"));
        Assert.Equal((new BackupId("20261129T184238Z-a59897"), 161L, 8192L), (runs[0].Backup!.Value, runs[0].StoredBytes!.Value, runs[0].ContentBytes!.Value));
        Assert.Equal([(At(1795977768600), new RunFailure(FailureKind.Network, "the share does not answer", "look at the network"))], journal.FailedAttempts("itsm", 9));
        Assert.Equal(FailureKind.SourceMissing, journal.LastFailure("lost")!.Kind);
        Assert.True(journal.HasOpenBackup("lost"));
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Why_a_backup_became_full_is_no_message_any_more(int version)
    {
        using var journal = await OpenAsync(version);

        var full = journal.Since("itsm", default).Single(operation => operation.FullBecause is not null);
        Assert.Equal(("weekly", "there is no good full backup to build on", null), (full.Schedule, full.FullBecause, full.Failure));
        Assert.Equal([full.FullBecause!], journal.FullBecause("itsm").Values);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Counters_continue(int version)
    {
        using var journal = await OpenAsync(version);
        var begun = Operation.BegunBackup("itsm", "weekly", BackupType.Full, At(1795977780000));
        journal.Count("itsm", new VerificationResult(new BackupId("20261129T184248Z-0a1b2c"), begun.StartedAt, 161, Passed: true, [new CheckResult(VerificationCheck.Checksum, Passed: true, "")]));
        journal.End(begun with { Id = journal.Begin(begun), EndedAt = begun.StartedAt });

        var figures = journal.Read();
        Assert.Equal((3, 2, 1), (figures.Runs[("itsm", "manual", "success")], figures.Runs[("itsm", "weekly", "success")], figures.Runs[("itsm", "daily", "skipped")]));
        Assert.Equal((8, 1), (figures.Verifications[("itsm", "checksum", "success")], figures.Verifications[("lost", "checksum", "failure")]));
        Assert.Equal(1, figures.Sources["lost"].ConsecutiveFailures);
        Assert.Equal(At(1795977770000), figures.Sources["lost"].RunStartedAt);
        Assert.Equal(At(1795977773000), journal.LastBeat());
    }

    [SkippableFact]
    public async Task Operations_keep_their_numbers_and_results_and_runs_follow_them()
    {
        using var journal = await OpenAsync(version: 2);

        Assert.Equal([1, 2, 3, 4, 10, 12, 14, 16, 17, 18], journal.Since("itsm", default).Select(operation => operation.Id));
        Assert.Equal((1, 2), (journal.Counts(OperationKind.Drill)[("itsm", "success")], journal.Counts(OperationKind.Restore)[("itsm", "success")]));
        Assert.True(journal.Last("", OperationKind.SelfTest)!.Succeeded);
        Assert.Equal((11, null), (Assert.Single(journal.Open(OperationKind.Restore)).Id, journal.Open(OperationKind.Restore)[0].Result));
        Assert.Equal(RunResult.Failure, journal.Since("lost", default).Single(operation => operation.Id == 9).Result);
        Assert.Equal([("itsm", "daily")], journal.Read().Schedules.Keys);
    }

    [SkippableFact]
    public async Task Restores_over_the_live_source_are_told_from_the_others()
    {
        using var journal = await OpenAsync(version: 2);

        Assert.Equal([(2, false), (3, true)], journal.Since("itsm", default).Where(operation => operation.Kind == OperationKind.Restore).Select(restore => ((int)restore.Id, restore.IsOverLive)));
        Assert.Equal([(6, true), (9, false), (11, true)], journal.Since("lost", default).Where(operation => operation.Kind == OperationKind.Restore).Select(restore => ((int)restore.Id, restore.IsOverLive)));
        Assert.Equal((3, 6), ((int)journal.LastLiveRestoreOfEach()["itsm"].Id, (int)journal.LastLiveRestoreOfEach()["lost"].Id));
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Nothing_is_left_of_the_tables_before_and_an_agent_of_that_version_is_refused(int version)
    {
        (await OpenAsync(version)).Dispose();

        var tables = await SqliteSamples.SqlAsync(temp["journal.db"], "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
        Assert.Equal("attempts\nheartbeat\noperation_counts\noperations\nschedules\nsources\nverification_counts", tables);
        Assert.Equal(JournalSchema.Version.ToString(CultureInfo.InvariantCulture), await SqliteSamples.SqlAsync(temp["journal.db"], "PRAGMA user_version"));
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_stands_in_for_a_journal_reads_an_earlier_one(int version)
    {
        await MakeAsync(version);
        using var journal = new OperationJournal(JournalDatabase.StandIn(temp.Path, new BackupException(FailureKind.Journal, "no room", "make some")));

        Assert.Equal(3, journal.Read().Runs[("itsm", "manual", "success")]);
        Assert.Equal(version.ToString(CultureInfo.InvariantCulture), await SqliteSamples.SqlAsync(temp["journal.db"], "PRAGMA user_version"));
    }

    private async Task<OperationJournal> OpenAsync(int version)
    {
        await MakeAsync(version);
        var database = JournalDatabase.Open(temp.Path, Some.Instant, out var setAside);
        Assert.Null(setAside);
        return new OperationJournal(database);
    }

    private async Task MakeAsync(int version) => await SqliteSamples.SqlAsync(
        temp["journal.db"], await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Journal", "Earlier", $"version-{version}.sql")));

    private static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
