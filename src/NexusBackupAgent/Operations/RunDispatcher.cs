using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Operations;

/// <summary>
/// The only door to a run, for cron, HTTP and the command line: takes the source's turn, keeps the time limit,
/// retries what may pass, writes the journal, and tells the hooks.
/// </summary>
/// <param name="turns">Who may work on a source.</param>
internal sealed partial class RunDispatcher(
    BackupRunner runner, SourceTurns turns, RunJournal journal, HookRunner hooks, TimeProvider timeProvider, ILogger<RunDispatcher> logger)
{
    /// <summary>Runs one backup to its end. A failure is in the record, in the journal and in the log; it is not thrown.</summary>
    /// <param name="lockTimeout">How long a run of the same source that is under way is waited for.</param>
    /// <exception cref="BackupException">The journal or the lock could not be used at all.</exception>
    public async Task<RunRecord> RunAsync(
        ProtectedSource source, string schedule, BackupType type, TimeSpan lockTimeout, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested(); // what was due when the agent stopped never began, and has not failed
        var run = await InTurnAsync(source, schedule, type, lockTimeout, progress, cancellationToken);
        await hooks.TellAsync(source, HookEvent.Of(run), cancellationToken); // the next run need not wait for that
        return run;
    }

    private async Task<RunRecord> InTurnAsync(
        ProtectedSource source, string schedule, BackupType type, TimeSpan lockTimeout, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(source.Name, lockTimeout, cancellationToken);
        return turn is null ? Skip(source, schedule, type) : await RunLockedAsync(source, schedule, type, progress, cancellationToken);
    }

    /// <summary>The same for a full backup that may have become needless by the time the source's turn comes.</summary>
    /// <param name="due">Asked in the source's turn: on which schedule to run, or null not to.</param>
    /// <returns>Null when nothing was due, or the source stayed busy.</returns>
    public async Task<RunRecord?> RunIfDueAsync(
        ProtectedSource source, Func<CancellationToken, Task<string?>> due, TimeSpan lockTimeout, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(source.Name, lockTimeout, cancellationToken);
        if (turn is null || await due(cancellationToken) is not { } schedule)
            return null;
        return await RunLockedAsync(source, schedule, BackupType.Full, progress, cancellationToken);
    }

    /// <summary>Closes in the journal what a process left open that died in the middle of a run.</summary>
    public void CloseAbandoned(string source)
    {
        // Taking the lock without need would make a command that wants it at that moment busy.
        if (!journal.HasOpenRun(source))
            return;
        using var held = turns.TryHold(source);
        if (held is not null && journal.CloseAbandoned(source, timeProvider.GetUtcNow()) > 0)
            RunAbandoned(source);
    }

    private async Task<RunRecord> RunLockedAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var startedAt = timeProvider.GetUtcNow();
        var id = journal.Begin(source.Name, schedule, type, startedAt);
        RunStarted(source.Name, schedule, type.Word(), id);

        var attempts = 0;
        BackupOutcome? outcome = null;
        RunFailure? failure = null;
        try
        {
            outcome = await turns.WithinTimeLimitAsync(
                source,
                $"the run of source '{source.Name}'",
                "iostat -x 1",
                token => RetryOf(source, id).ExecuteAsync(
                    async attemptToken => await AttemptAsync(source, schedule, type, id, ++attempts, progress, attemptToken), token).AsTask(),
                cancellationToken);
        }
        catch (BackupException failed)
        {
            failure = RunFailure.Of(failed);
        }
        catch (OperationCanceledException stopped)
        {
            failure = RunFailure.Of(Stopped(source, stopped)); // between two attempts
        }

        var run = new RunRecord(
            id, source.Name, schedule, type, startedAt, timeProvider.GetUtcNow(), failure is null ? RunResult.Success : RunResult.Failure, attempts, failure, outcome);
        journal.End(run);
        Report(run);
        return run;
    }

    private async Task<BackupOutcome> AttemptAsync(
        ProtectedSource source, string schedule, BackupType type, long run, int attempt, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var startedAt = timeProvider.GetUtcNow();
        try
        {
            var outcome = await runner.RunAsync(source, schedule, type, progress, cancellationToken);
            journal.RecordAttempt(run, attempt, startedAt, timeProvider.GetUtcNow(), failure: null);
            return outcome;
        }
        catch (Exception failure)
        {
            var foreseen = failure switch
            {
                BackupException known => known,
                OperationCanceledException => Stopped(source, failure),
                _ when IoFailure.IsKnown(failure) => IoFailure.Translate(failure, $"back up source '{source.Name}'", turns.StateDirectory),
                _ => new BackupException(FailureKind.Unexpected, $"backing up source '{source.Name}' failed: {failure.Message}", "run nexus-backup backup --verbose and report what it prints", failure),
            };
            journal.RecordAttempt(run, attempt, startedAt, timeProvider.GetUtcNow(), RunFailure.Of(foreseen));
            if (foreseen.Kind == FailureKind.Unexpected)
                AttemptBroke(failure, source.Name, run); // the only place that still has the stack trace
            if (ReferenceEquals(foreseen, failure))
                throw;
            throw foreseen;
        }
    }

    private static BackupException Stopped(ProtectedSource source, Exception cause) => new(
        FailureKind.Interrupted, $"the run of source '{source.Name}' was stopped", "nothing of it counts; the next run starts afresh", cause);

    private ResiliencePipeline RetryOf(ProtectedSource source, long run)
    {
        if (source.Attempts <= 1)
            return ResiliencePipeline.Empty;
        return new ResiliencePipelineBuilder { TimeProvider = timeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<BackupException>(failure => failure.Kind.IsTransient()),
                MaxRetryAttempts = source.Attempts - 1,
                BackoffType = DelayBackoffType.Exponential,
                Delay = source.RetryDelay,
                OnRetry = retry =>
                {
                    AttemptFailed(source.Name, run, retry.AttemptNumber + 1, source.Attempts, retry.RetryDelay, retry.Outcome.Exception!.Message);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
    }

    /// <summary>Keeps in the journal that a run was due and did not start, because another one is under way.</summary>
    public RunRecord Skip(ProtectedSource source, string schedule, BackupType type)
    {
        var now = timeProvider.GetUtcNow();
        var run = new RunRecord(0, source.Name, schedule, type, now, now, RunResult.Skipped, Attempts: 0, RunFailure.Of(SourceTurns.Busy(source.Name)), Outcome: null);
        journal.End(run);
        RunSkipped(source.Name, schedule);
        return run;
    }

    private void Report(RunRecord run)
    {
        var seconds = (run.EndedAt - run.StartedAt).TotalSeconds;
        if (run.Outcome is { } outcome)
        {
            var manifest = outcome.Backup.Manifest;
            if (outcome.FullBecause is { } reason)
                RunBecameFull(run.Source, run.Schedule, run.Type.Word(), reason);
            RunSucceeded(run.Source, run.Schedule, run.TypeMade.Word(), manifest.File, manifest.Stored.Length, manifest.Content.Length, seconds, outcome.Decisions.Count(decision => !decision.Keep));
        }
        else
        {
            RunFailed(run.Source, run.Schedule, run.Type.Word(), run.Failure!.Kind, run.Failure.Kind.Class().Word(), seconds, run.Failure.Message, run.Failure.Hint);
        }
    }

    [LoggerMessage(EventId = 1000, EventName = "run_started", Level = LogLevel.Debug, Message = "backup of {Source} started: schedule {Schedule}, type {Type}, run {Run}")]
    private partial void RunStarted(string source, string schedule, string type, long run);

    [LoggerMessage(EventId = 1001, EventName = "run_succeeded", Level = LogLevel.Information, Message = "backup of {Source} succeeded: schedule {Schedule}, type {Type}, file {File}, {StoredBytes} bytes stored of {ContentBytes}, {Seconds:0.0} s, verified, {Pruned} pruned")]
    private partial void RunSucceeded(string source, string schedule, string type, string file, long storedBytes, long contentBytes, double seconds, int pruned);

    [LoggerMessage(EventId = 1007, EventName = "run_became_full", Level = LogLevel.Information, Message = "backup of {Source}, schedule {Schedule}: full instead of {Type}, because {Reason}")]
    private partial void RunBecameFull(string source, string schedule, string type, string reason);

    [LoggerMessage(EventId = 1002, EventName = "run_failed", Level = LogLevel.Error, Message = "backup of {Source} failed: schedule {Schedule}, type {Type}, cause {Failure}, class {FailureClass}, {Seconds:0.0} s: {Reason}. Next: {Hint}")]
    private partial void RunFailed(string source, string schedule, string type, FailureKind failure, string failureClass, double seconds, string reason, string hint);

    [LoggerMessage(EventId = 1003, EventName = "run_skipped", Level = LogLevel.Warning, Message = "backup of {Source} skipped: schedule {Schedule}, another run of it is under way")]
    private partial void RunSkipped(string source, string schedule);

    [LoggerMessage(EventId = 1004, EventName = "attempt_failed", Level = LogLevel.Warning, Message = "backup of {Source}, run {Run}: attempt {Attempt} of {Attempts} failed, next in {Delay}: {Reason}")]
    private partial void AttemptFailed(string source, long run, int attempt, int attempts, TimeSpan delay, string reason);

    [LoggerMessage(EventId = 1005, EventName = "run_abandoned", Level = LogLevel.Error, Message = "backup of {Source} ended with its process; it is in the journal as failed")]
    private partial void RunAbandoned(string source);

    [LoggerMessage(EventId = 1006, EventName = "attempt_broke", Level = LogLevel.Error, Message = "backup of {Source}, run {Run}: unexpected error")]
    private partial void AttemptBroke(Exception exception, string source, long run);
}
