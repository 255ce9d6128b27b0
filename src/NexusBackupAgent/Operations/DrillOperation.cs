using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Operations;

/// <summary>A restore drill as it ended.</summary>
/// <param name="Operation">As the journal keeps it, with its failure.</param>
/// <param name="Backup">With what was found: beside the backup that need not be, when the store is full or read-only. Null when there was none.</param>
internal sealed record DrillRecord(Operation Operation, Backup? Backup)
{
    /// <summary>What was found; null when the drill did not get that far.</summary>
    public DrillResult? Result => Backup?.Drill is { } result && result.DrilledAt >= Operation.StartedAt ? result : null;
}

/// <summary>Practises a restore of the newest good backup.</summary>
internal sealed partial class DrillOperation(OperationRunner runner, RestoreDrill drill, OperationJournal journal, ILogger<DrillOperation> logger)
{
    /// <summary>Practises once. A failure is in the operation, in the journal and in the log; it is not thrown.</summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for.</param>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    /// <exception cref="BackupException">No key is here, so it was not begun; the source is busy, or the journal or the lock could not be used at all.</exception>
    public Task<DrillRecord> RunAsync(ProtectedSource source, IProgress<RunProgress>? progress, TimeSpan patience, CancellationToken cancellationToken, Asker? asker = null) =>
        source.Catalog.Keys is { Encryption: not null, Identity: null } ? Task.FromException<DrillRecord>(new BackupException(
            FailureKind.KeyMissing, $"the backups of source '{source.Name}' are encrypted, and no key that opens them is on this machine", $"where the key is: nexus-backup drill '{source.Name}' --identity FILE; or name it in encryption.age.identityFile"))
        : runner.InTurnAsync(source, patience, () => PractiseAsync(source, progress, asker, cancellationToken), cancellationToken);

    private async Task<TurnEnd<DrillRecord>> PractiseAsync(ProtectedSource source, IProgress<RunProgress>? progress, Asker? asker, CancellationToken cancellationToken)
    {
        Backup? backup = null;
        var (operation, _, _) = await runner.JournalledAsync<Backup>(
            Operation.Begun(source.Name, OperationKind.Drill, runner.Now, "practising a restore") with { Store = source.CopyStore, Asker = asker },
            async (_, watched) => backup = await runner.WithinLimitAsync(
                source,
                WordsOf(source),
                async token =>
                {
                    var catalog = await source.Catalog.OpenAsync(token);
                    var chosen = backup = await ChooseAsync(source, catalog, token);
                    return await drill.RunAsync(source.Source, catalog, chosen, source.Probes, RunProgress.In(RunStage.Verify, chosen.LengthToRead, watched), token);
                },
                broke => DrillBroke(broke, source.Name),
                cancellationToken),
            (ended, drilled) =>
            {
                if (drilled is { HasBrokenChain: false }) // else it was not judged; who reads the damaged one again counts that
                    journal.Count(source.Name, drilled.Verification!);
                var failure = drilled is null ? ended.Failure : FailureOf(source, drilled);
                return ended with { Backup = backup?.Id, Failure = failure, Detail = DetailOf(backup, failure) };
            },
            progress: progress);
        Report(operation, backup);
        return new TurnEnd<DrillRecord>(new DrillRecord(operation, backup), OperationRunner.News(source, operation, backup));
    }

    /// <summary>What would be restored now.</summary>
    /// <exception cref="BackupException">There is none (<see cref="FailureKind.NotFound"/>), or none is good (<see cref="FailureKind.Verification"/>).</exception>
    private async Task<Backup> ChooseAsync(ProtectedSource source, BackupCatalog catalog, CancellationToken cancellationToken)
    {
        var backups = await catalog.ListAsync(cancellationToken);
        return backups.NewestGood(runner.Now) ?? throw (backups.Count == 0
            ? new BackupException(FailureKind.NotFound, $"source '{source.Name}' has no backup{source.InCopyStore} to restore", source.MakeOne)
            : new BackupException(
                FailureKind.Verification,
                $"none of the {backups.Count} backups of source '{source.Name}'{source.InCopyStore} is good",
                $"see what is wrong with them (nexus-backup verify '{source.Name}' --all{source.StoreOption}), and {source.MakeNew}"));
    }

    private OperationWords WordsOf(ProtectedSource source) => new(
        $"the drill of source '{source.Name}'", $"practise a restore of source '{source.Name}'", $"the drill of source '{source.Name}'", "nexus-backup drill", runner.Turns.StateDirectory)
    {
        Slow = "iostat -x 1; the probes of the drill",
        AfterStop = "nothing of it counts; run it again when it suits",
    };

    private static RunFailure? FailureOf(ProtectedSource source, Backup backup)
    {
        var file = source.Catalog.Locate(backup.File);
        if (backup.Drill!.Passed)
            return null;
        return backup.State == BackupState.Good
            ? new RunFailure(FailureKind.Restore, $"'{file}' was restored, and {backup.Drill.Reason}", "look at the data of the backup and of the source; if they are right, mend drill.probe")
            : new RunFailure(FailureKind.Verification, $"'{file}': {backup.Drill.Reason}", $"keep it for analysis and {source.MakeNew}");
    }

    private static string DetailOf(Backup? backup, RunFailure? failure) => backup switch
    {
        null => "there was nothing to restore",
        _ when failure is not null => $"{backup.File} did not pass the restore drill{BackupExaminer.UnkeptOf(backup)}",
        { Drill: var result } => FormattableString.Invariant($"{backup.File} restored into scratch in {result!.Seconds:0.00} s") + (result.Probes.Count > 0 ? $", {result.Probes.Count} probes as expected" : "") + BackupExaminer.UnkeptOf(backup),
    };

    private void Report(Operation operation, Backup? backup)
    {
        if (operation.Failure is { } failure)
            DrillFailed(operation.Source, failure.Kind, failure.Kind.Class().Word(), failure.Message, failure.Hint);
        else
            DrillSucceeded(operation.Source, backup!.File, backup.Drill!.Seconds, backup.Drill.Probes.Count);
        if (backup?.NotRecorded is { } unkept)
            ResultNotKept(operation.Source, backup.File, unkept.Message, unkept.Hint);
    }

    [LoggerMessage(EventId = 1201, EventName = "drill_succeeded", Level = LogLevel.Information, Message = "drill of {Source} succeeded: {File} restored in {Seconds:0.0} s, {Probes} probes as expected")]
    private partial void DrillSucceeded(string source, string file, double seconds, int probes);

    [LoggerMessage(EventId = 1202, EventName = "drill_failed", Level = LogLevel.Error, Message = "drill of {Source} failed: cause {Failure}, class {FailureClass}: {Reason}. Next: {Hint}")]
    private partial void DrillFailed(string source, FailureKind failure, string failureClass, string reason, string hint);

    [LoggerMessage(EventId = 1204, EventName = "drill_result_not_kept", Level = LogLevel.Warning, Message = "drill of {Source}: the result counts, but can't be kept beside {File}: {Reason}. Next: {Hint}")]
    private partial void ResultNotKept(string source, string file, string reason, string hint);

    [LoggerMessage(EventId = 1203, EventName = "drill_broke", Level = LogLevel.Error, Message = "drill of {Source}: unexpected error")]
    private partial void DrillBroke(Exception exception, string source);
}
