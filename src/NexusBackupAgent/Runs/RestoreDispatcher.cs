using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Runs;

/// <summary>A restore as it ended.</summary>
/// <param name="Operation">As the journal keeps it, with its failure.</param>
/// <param name="Outcome">What was put in place; null when nothing was.</param>
internal sealed record RestoreRecord(Operation Operation, RestoreOutcome? Outcome);

/// <summary>The only door to a restore: takes the source's turn for all of it, counts the checks, writes the journal, tells the hooks.</summary>
internal sealed partial class RestoreDispatcher(
    Restorer restorer, SourceTurns turns, RunJournal journal, OperationJournal operations, HookRunner hooks, TimeProvider timeProvider, ILogger<RestoreDispatcher> logger)
{
    /// <summary>What a restore would do; touches nothing and waits for nobody.</summary>
    /// <param name="to">Absolute; null: over the live one.</param>
    /// <exception cref="BackupException">There is nothing to restore, or the store can't be read.</exception>
    public Task<RestorePreview> PreviewAsync(ProtectedSource source, RestoreWish wish, string? to, bool force, CancellationToken cancellationToken) =>
        restorer.PreviewAsync(new RestoreRequest(source.Name, source.Source, source.Catalog, source.Restore, source.Zone, wish, to, force), cancellationToken);

    /// <summary>Restores. A failure on the way is in the record, in the journal and in the log; it is not thrown.</summary>
    /// <param name="lockTimeout">How long a run of the source that is under way is waited for.</param>
    /// <exception cref="BackupException">It did not begin: the source is busy, there is nothing to restore, or it is refused.</exception>
    public async Task<RestoreRecord> RestoreAsync(
        ProtectedSource source, RestoreWish wish, string? to, bool force, TimeSpan lockTimeout, RestoreEvents events, CancellationToken cancellationToken)
    {
        var (record, backup) = await InTurnAsync(source, wish, to, force, lockTimeout, events, cancellationToken);
        await hooks.TellAsync(source, HookEvent.Of(HookOccasion.Restore, record.Operation, backup), cancellationToken);
        return record;
    }

    private async Task<(RestoreRecord Record, Backup Backup)> InTurnAsync(
        ProtectedSource source, RestoreWish wish, string? to, bool force, TimeSpan lockTimeout, RestoreEvents events, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(source.Name, lockTimeout, cancellationToken) ?? throw SourceTurns.Busy(source.Name);
        var preview = await PreviewAsync(source, wish, to, force, cancellationToken);
        if (preview.Refusal is { } refusal)
            throw refusal;

        var startedAt = timeProvider.GetUtcNow();
        var detail = $"restore of {preview.Chosen.Backup.File} to {preview.Target.Path}";
        var id = operations.Begin(source.Name, OperationKind.Restore, startedAt, detail);
        RestoreStarted(source.Name, preview.Chosen.Backup.File, preview.Target.Path, id);
        RestoreOutcome? outcome = null;
        BackupException? failure;
        try
        {
            outcome = await restorer.RestoreAsync(preview, Counting(source, events), cancellationToken);
            failure = outcome.Problem;
            detail = $"restore of {outcome.Backup.Backup.File} to {outcome.Target}; {(outcome.SafetyCopy is null ? "there was nothing before" : $"the old one is {outcome.SafetyCopy}")}";
        }
        catch (BackupException failed)
        {
            failure = failed;
        }

        var backup = (outcome?.Backup ?? preview.Chosen).Backup;
        var operation = new Operation(
            id, source.Name, OperationKind.Restore, startedAt, timeProvider.GetUtcNow(), backup.Id, detail, failure is null ? null : RunFailure.Of(failure));
        operations.End(operation);
        Report(operation, failure);
        return (new RestoreRecord(operation, outcome), backup);
    }

    private RestoreEvents Counting(ProtectedSource source, RestoreEvents events) => events with
    {
        ReadBack = backup =>
        {
            journal.RecordVerification(source.Name, backup.Verification!);
            events.ReadBack(backup);
        },
        PassedOver = candidate =>
        {
            BackupPassedOver(source.Name, source.Catalog.Locate(candidate.Backup.File), candidate.Reason);
            events.PassedOver(candidate);
        },
    };

    private void Report(Operation operation, BackupException? failure)
    {
        if (failure is null)
            RestoreSucceeded(operation.Source, operation.Detail, operation.Took.TotalSeconds);
        else
            RestoreFailed(operation.Source, operation.Detail, failure.Kind, failure.Message, failure.Hint);
        if (failure is { Kind: FailureKind.Unexpected })
            RestoreBroke(failure, operation.Source, operation.Id);
    }

    [LoggerMessage(EventId = 1300, EventName = "restore_started", Level = LogLevel.Debug, Message = "restore of {Source} started: {File} to {Target}, operation {Operation}")]
    private partial void RestoreStarted(string source, string file, string target, long operation);

    [LoggerMessage(EventId = 1301, EventName = "restore_succeeded", Level = LogLevel.Information, Message = "restore of {Source} succeeded: {Detail}, {Seconds:0.0} s")]
    private partial void RestoreSucceeded(string source, string detail, double seconds);

    [LoggerMessage(EventId = 1302, EventName = "restore_failed", Level = LogLevel.Error, Message = "restore of {Source} failed: {Detail}, cause {Failure}: {Reason}. Next: {Hint}")]
    private partial void RestoreFailed(string source, string detail, FailureKind failure, string reason, string hint);

    [LoggerMessage(EventId = 1303, EventName = "backup_passed_over", Level = LogLevel.Error, Message = "restore of {Source}: {File} can't be restored: {Reason}")]
    private partial void BackupPassedOver(string source, string file, string reason);

    [LoggerMessage(EventId = 1304, EventName = "restore_broke", Level = LogLevel.Error, Message = "restore of {Source}, operation {Operation}: unexpected error")]
    private partial void RestoreBroke(Exception exception, string source, long operation);
}
