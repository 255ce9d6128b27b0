using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Operations;

/// <summary>A restore as it ended.</summary>
/// <param name="Operation">As the journal keeps it, with its failure.</param>
/// <param name="Outcome">What was put in place; null when nothing was.</param>
/// <param name="NotRecorded">Why the journal does not have all of it, in one line; null when it has. That is no failure of the restore.</param>
internal sealed record RestoreRecord(Operation Operation, RestoreOutcome? Outcome, string? NotRecorded = null);

/// <summary>
/// Restores. A full or read-only state directory is often why somebody does, so neither the journal nor a lock that can't
/// be made keeps the data from coming back: both are warned of.
/// </summary>
internal sealed partial class RestoreOperation(OperationRunner runner, Restorer restorer, OperationJournal journal, RestoreHistory history, ILogger<RestoreOperation> logger)
{
    /// <summary>What a restore would do; changes nothing that is there and waits for nobody.</summary>
    /// <param name="to">Absolute; null: over the live one.</param>
    /// <exception cref="BackupException">There is nothing to restore, or the store can't be read.</exception>
    public Task<RestorePreview> PreviewAsync(ProtectedSource source, RestoreWish wish, string? to, bool force, CancellationToken cancellationToken) =>
        restorer.PreviewAsync(new RestoreRequest(source.Name, source.Source, source.Catalog, source.Restore, source.Zone, wish, to, force) { Copies = [.. source.Copies.Select(copy => copy.Catalog)] }, cancellationToken);

    /// <summary>Restores. A failure on the way is in the record, in the journal and in the log; it is not thrown.</summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for.</param>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    /// <param name="holds">Asked in the source's turn whether what was planned is what was meant; throws when it is not.</param>
    /// <exception cref="BackupException">It did not begin: the source is busy, there is nothing to restore, or it is refused.</exception>
    public Task<RestoreRecord> RestoreAsync(
        ProtectedSource source, RestoreWish wish, string? to, bool force, TimeSpan patience, RestoreEvents events, CancellationToken cancellationToken, Asker? asker = null, Action<RestorePreview>? holds = null) =>
        runner.InTurnAsync(
            source,
            patience,
            () => PlanAndRestoreAsync(source, wish, to, force, events, asker, holds, cancellationToken),
            cancellationToken,
            unlockable: refused => RestoreUnlocked(source.Name, refused.Message, refused.Hint));

    private async Task<TurnEnd<RestoreRecord>> PlanAndRestoreAsync(
        ProtectedSource source, RestoreWish wish, string? to, bool force, RestoreEvents events, Asker? asker, Action<RestorePreview>? holds, CancellationToken cancellationToken)
    {
        var startedAt = runner.Now;
        RestorePreview? planned = null;
        try
        {
            planned = await PreviewAsync(await OpenAsync(source, cancellationToken), wish, to, force, cancellationToken);
            holds?.Invoke(planned);
            return planned.Refusal is { } refusal ? throw refusal : await RestoreAsync(source, planned, startedAt, events, asker, cancellationToken);
        }
        catch (BackupException refusal) when (IsNews(planned, refusal))
        {
            var chosen = planned?.Chosen.Backup;
            var refused = Operation.Begun(source.Name, OperationKind.Restore, startedAt, $"restore to {planned?.Target.Location ?? to ?? "its place"}: not begun") with
            {
                EndedAt = runner.Now,
                Backup = chosen?.Id,
                Failure = RunFailure.Of(refusal),
                Asker = asker,
            };
            var record = Record(source, refused, outcome: null, refusal);
            return new TurnEnd<RestoreRecord>(record, OperationRunner.News(source, record.Operation, chosen)) { Problem = ExceptionDispatchInfo.Capture(refusal) };
        }
    }

    /// <summary>A first store that is away keeps nobody from restoring from another one.</summary>
    private static async Task<ProtectedSource> OpenAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.OpenAsync(cancellationToken);
        }
        catch (BackupException) when (source.Copies.Count > 0)
        {
            return source; // whoever plans asks it again, and tells why not
        }
    }

    /// <summary>A name that does not exist, and a missing --force, are mistakes of who types; anything else keeps the data from coming back.</summary>
    private static bool IsNews(RestorePreview? planned, BackupException refusal) =>
        refusal.Kind is not (FailureKind.NotFound or FailureKind.Configuration)
        && (planned is null or { SafetyCopy: null } or { Request.Force: true } || planned.Obstacle is not null);

    private async Task<TurnEnd<RestoreRecord>> RestoreAsync(ProtectedSource source, RestorePreview preview, DateTimeOffset startedAt, RestoreEvents events, Asker? asker, CancellationToken cancellationToken)
    {
        var restore = Operation.Begun(source.Name, OperationKind.Restore, startedAt, DetailOf(source, preview.Chosen.Backup.File, preview.Chosen.Copy?.Store.Name, preview.Target.Location, preview.Target.IsLive)) with { IsOverLive = preview.Target.IsLive, Asker = asker };
        using var begun = await TryBeginAsync(restore, cancellationToken);
        restore = restore with { Id = begun?.Id ?? 0 };
        RestoreStarted(source.Name, preview.Chosen.Backup.File, preview.Target.Location, restore.Id);
        RestoreOutcome? outcome = null;
        BackupException? failure;
        try
        {
            outcome = await RestoreWithinLimitAsync(source, preview, events, cancellationToken);
            failure = outcome.Problem;
        }
        catch (BackupException failed)
        {
            failure = failed;
        }

        var backup = (outcome?.Backup ?? preview.Chosen).Backup;
        var ended = restore with
        {
            EndedAt = runner.Now,
            Backup = backup.Id,
            Detail = outcome is null ? restore.Detail : DetailOf(source, outcome, preview.Target.IsLive),
            Failure = failure is null ? null : RunFailure.Of(failure),
        };
        var record = Record(source, ended, outcome, failure, begun);
        return new TurnEnd<RestoreRecord>(record, OperationRunner.News(source, record.Operation, backup));
    }

    private Task<RestoreOutcome> RestoreWithinLimitAsync(ProtectedSource source, RestorePreview preview, RestoreEvents events, CancellationToken cancellationToken)
    {
        var ongoing = restorer.Begin(preview, Counting(source, events));
        return runner.WithinLimitAsync(
            source,
            new OperationWords($"the restore of '{source.Name}'", $"restore '{preview.Target.Location}'", $"restoring '{preview.Target.Location}'", "nexus-backup restore", preview.Target.Volume) { AfterStop = "run the command again when it suits" },
            async limited =>
            {
                try
                {
                    return await restorer.RestoreAsync(ongoing, limited);
                }
                catch (BackupException stopped) when (stopped.Kind == FailureKind.Interrupted && !cancellationToken.IsCancellationRequested)
                {
                    throw new BackupException(FailureKind.TimedOut, $"its time limit of {source.TimeLimit} is over: {stopped.Message}", "see what is slow (iostat -x 1), or raise timeLimit", stopped);
                }
            },
            _ => { },
            cancellationToken,
            ongoing.LeaveAsync);
    }

    private static string DetailOf(ProtectedSource source, string file, string? store, string target, bool isLive) =>
        $"restore of {file}{(store is null ? "" : $" from store {store}")} {(isLive ? $"over the live {source.Source.Noun.English}" : "to")} {target}";

    private static string DetailOf(ProtectedSource source, RestoreOutcome outcome, bool isLive) =>
        $"{DetailOf(source, outcome.Backup.Backup.File, outcome.Backup.Copy?.Store.Name, outcome.Place.Location, isLive)}; {(outcome.Place.SafetyCopy is null ? "there was nothing before" : $"the old one is {outcome.Place.SafetyCopy}")}"
        + (outcome.Place.SetAside.Count > 0 ? $" with {string.Join(", ", outcome.Place.SetAside)}" : "");

    /// <returns>Null when the journal can't have it, or its lock not be made: that is told when it has ended.</returns>
    private async Task<BegunRestore?> TryBeginAsync(Operation restore, CancellationToken cancellationToken)
    {
        try
        {
            return await history.BeginAsync(restore, cancellationToken);
        }
        catch (BackupException)
        {
            return null;
        }
    }

    /// <summary>Journals how it ended, under its number if it has one, as well as that goes. A success that the journal can't take is kept beside it; a failure needs no more than its number left open.</summary>
    private RestoreRecord Record(ProtectedSource source, Operation operation, RestoreOutcome? outcome, BackupException? failure, BegunRestore? begun = null)
    {
        var recorded = operation;
        var unrecorded = Try(() =>
        {
            if (operation.Id == 0)
                recorded = journal.Record(operation);
            else
                journal.End(operation);
        });
        Report(operation, failure);
        if (unrecorded is not null)
        {
            var unkept = failure is null && begun is not null ? Try(() => begun.KeepSuccess(operation.EndedAt!.Value)) : null;
            RestoreUnrecorded(operation.Source, $"{(outcome is null ? "nothing was restored" : $"the {source.Source.Noun.English} IS restored")}{(unkept is null ? "" : ", but status and metrics will say that it failed")}", unrecorded.Message, unrecorded.Hint);
        }

        return new RestoreRecord(recorded, outcome, unrecorded?.Message);
    }

    /// <returns>What kept the journal from it; null when nothing did.</returns>
    private static BackupException? Try(Action write)
    {
        try
        {
            write();
            return null;
        }
        catch (BackupException failure)
        {
            return failure;
        }
    }

    private RestoreEvents Counting(ProtectedSource source, RestoreEvents events) => events with
    {
        ReadBack = backup =>
        {
            journal.Count(source.Name, backup.Verification!);
            events.ReadBack(backup);
        },
        PassedOver = candidate =>
        {
            BackupPassedOver(source.Name, (candidate.Copy ?? source.Catalog).Locate(candidate.Backup.File), candidate.Reason);
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

    [LoggerMessage(EventId = 1305, EventName = "restore_unrecorded", Level = LogLevel.Warning, Message = "restore of {Source} is not recorded; {State}: {Reason}. Next: {Hint}")]
    private partial void RestoreUnrecorded(string source, string state, string reason, string hint);

    [LoggerMessage(EventId = 1306, EventName = "restore_unlocked", Level = LogLevel.Warning, Message = "restore of {Source} goes on without its lock, so another run of it can't be excluded: {Reason}. Next: {Hint}")]
    private partial void RestoreUnlocked(string source, string reason, string hint);
}
