using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Operations;

/// <summary>The only door to a restore drill, for cron and the command line: takes the source's turn, keeps the time limit, writes the journal, tells the hooks.</summary>
internal sealed partial class DrillDispatcher(
    RestoreDrill drill, SourceTurns turns, RunJournal runs, OperationJournal operations, HookRunner hooks, TimeProvider timeProvider, ILogger<DrillDispatcher> logger)
{
    /// <summary>Practises a restore of the newest good backup. A failure is in the operation, in the journal and in the log; it is not thrown.</summary>
    /// <param name="lockTimeout">How long a run of the same source that is under way is waited for.</param>
    /// <exception cref="BackupException">The source is busy, or the journal or the lock could not be used at all.</exception>
    public async Task<Operation> RunAsync(ProtectedSource source, IProgress<RunProgress>? progress, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        (await PractiseAsync(source, progress, lockTimeout, cancellationToken)).Operation;

    /// <summary>The same, for who wants the answers as well: beside the backup they need not be, when the store is full or read-only.</summary>
    /// <returns>The operation, and the backup with what was found; null when there was none.</returns>
    public async Task<(Operation Operation, Backup? Backup)> PractiseAsync(
        ProtectedSource source, IProgress<RunProgress>? progress, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (operation, backup) = await InTurnAsync(source, progress, lockTimeout, cancellationToken);
        await hooks.TellAsync(source, HookEvent.Of(HookOccasion.Drill, operation, backup), cancellationToken);
        return (operation, backup);
    }

    private async Task<(Operation Operation, Backup? Backup)> InTurnAsync(
        ProtectedSource source, IProgress<RunProgress>? progress, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(source.Name, lockTimeout, cancellationToken) ?? throw SourceTurns.Busy(source.Name);
        var startedAt = timeProvider.GetUtcNow();
        var id = operations.Begin(source.Name, OperationKind.Drill, startedAt, "practising a restore");

        Backup? backup = null;
        RunFailure? failure;
        try
        {
            var chosen = backup = await drill.ChooseAsync(source.Name, source.Catalog, cancellationToken);
            backup = await turns.WithinTimeLimitAsync(
                source,
                $"the drill of source '{source.Name}'",
                "iostat -x 1; the probes of the drill",
                token => drill.RunAsync(source.Source, source.Catalog, chosen, source.Probes, RunProgress.In(RunStage.Verify, chosen.LengthToRead, progress), token),
                cancellationToken);
            if (!backup.HasBrokenChain) // then it was not judged; who reads the damaged one again counts that
                runs.RecordVerification(source.Name, backup.Verification!);
            failure = FailureOf(source, backup);
        }
        catch (Exception failed)
        {
            failure = RunFailure.Of(Foreseen(source, failed));
        }

        var operation = new Operation(id, source.Name, OperationKind.Drill, startedAt, timeProvider.GetUtcNow(), backup?.Id, DetailOf(backup, failure) + (backup is null ? "" : BackupExaminer.UnkeptOf(backup)), failure);
        operations.End(operation);
        Report(operation, backup);
        return (operation, backup);
    }

    private BackupException Foreseen(ProtectedSource source, Exception failure)
    {
        switch (failure)
        {
            case BackupException known:
                return known;
            case OperationCanceledException:
                return new BackupException(FailureKind.Interrupted, $"the drill of source '{source.Name}' was stopped", "nothing of it counts; run it again when it suits", failure);
            case var io when IoFailure.IsKnown(io):
                return IoFailure.Translate(io, $"practise a restore of source '{source.Name}'", turns.StateDirectory);
            default:
                DrillBroke(failure, source.Name); // the only place that still has the stack trace
                return new BackupException(FailureKind.Unexpected, $"the drill of source '{source.Name}' failed: {failure.Message}", "run nexus-backup drill --verbose and report what it prints", failure);
        }
    }

    private static RunFailure? FailureOf(ProtectedSource source, Backup backup)
    {
        var file = source.Catalog.Locate(backup.File);
        if (backup.Drill!.Passed)
            return null;
        return backup.State == BackupState.Good
            ? new RunFailure(FailureKind.Restore, $"'{file}' was restored, and {backup.Drill.Reason}", "look at the data of the backup and of the source; if they are right, mend drill.probe")
            : new RunFailure(FailureKind.Verification, $"'{file}': {backup.Drill.Reason}", $"keep it for analysis and make a new one: nexus-backup backup '{source.Name}'");
    }

    private static string DetailOf(Backup? backup, RunFailure? failure) => backup switch
    {
        null => "there was nothing to restore",
        _ when failure is not null => $"{backup.File} did not pass the restore drill",
        { Drill: var result } => FormattableString.Invariant($"{backup.File} restored into scratch in {result!.Seconds:0.00} s") + (result.Probes.Count > 0 ? $", {result.Probes.Count} probes as expected" : ""),
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
