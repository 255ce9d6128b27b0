using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Operations;

/// <summary>Backs a source up. A run may take several attempts; each goes all the way, as <see cref="BackupRunner"/> says it.</summary>
/// <param name="marks">Know the stores again; null where nobody has to.</param>
internal sealed partial class BackupOperation(OperationRunner runner, BackupRunner backups, StoreMarks? marks, OperationJournal journal, ILogger<BackupOperation> logger)
{
    /// <summary>The names of the sources that a store has: what one of them kept there tells that the store is no new one for the others.</summary>
    public Func<string, IEnumerable<string>> SourcesIn { get; init; } = _ => [];

    /// <summary>Runs one backup to its end. A failure is in the record, in the journal and in the log; it is not thrown.</summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for.</param>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    /// <exception cref="BackupException">The journal or the lock could not be used at all.</exception>
    public Task<RunRecord> RunAsync(
        ProtectedSource source, string schedule, BackupType type, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Asker? asker = null) =>
        runner.InTurnAsync(
            source,
            patience,
            () => BackUpAsync(source, schedule, type, progress, asker, cancellationToken),
            cancellationToken,
            busy: () => new TurnEnd<RunRecord>(Skip(source, schedule, type, asker)));

    /// <summary>The same for a full backup that may have become needless by the time the source's turn comes.</summary>
    /// <param name="due">Asked in the source's turn: on which schedule to run, or null not to.</param>
    /// <returns>Null when nothing was due, or the source stayed busy.</returns>
    public Task<RunRecord?> RunIfDueAsync(
        ProtectedSource source, Func<CancellationToken, Task<string?>> due, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken) =>
        runner.InTurnAsync<RunRecord?>(
            source,
            patience,
            async () =>
            {
                if (await due(cancellationToken) is not { } schedule)
                    return new TurnEnd<RunRecord?>(null);
                var end = await BackUpAsync(source, schedule, BackupType.Full, progress, asker: null, cancellationToken);
                return new TurnEnd<RunRecord?>(end.Result, end.News);
            },
            cancellationToken,
            busy: () => new TurnEnd<RunRecord?>(null));

    /// <summary>Keeps in the journal that a run was due and did not start, because the source is busy.</summary>
    public RunRecord Skip(ProtectedSource source, string schedule, BackupType type, Asker? asker = null)
    {
        var now = runner.Now;
        var skipped = Operation.BegunBackup(source.Name, schedule, type, now) with { EndedAt = now, IsSkipped = true, Failure = RunFailure.Of(runner.Turns.Busy(source)), Asker = asker };
        var run = new RunRecord(journal.Record(skipped), type, Attempts: 0, Outcome: null);
        RunSkipped(source.Name, schedule);
        return run;
    }

    /// <summary>Closes in the journal what a process left open that died in the middle of a run.</summary>
    public void CloseAbandoned(string source)
    {
        // Taking the lock without need would make a command that wants it at that moment busy.
        if (!journal.HasOpenBackup(source))
            return;
        using var held = runner.Turns.TryHold(source);
        if (held is not null && journal.CloseAbandoned(source, runner.Now) > 0)
            RunAbandoned(source);
    }

    private async Task<TurnEnd<RunRecord>> BackUpAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, Asker? asker, CancellationToken cancellationToken)
    {
        var (attempts, words) = (new Attempts(), WordsOf(source));
        var (operation, outcome, _) = await runner.JournalledAsync(
            Operation.BegunBackup(source.Name, schedule, type, runner.Now) with { Asker = asker },
            (begun, watched) =>
            {
                RunStarted(source.Name, schedule, type.Word(), begun.Id);
                return runner.WithinLimitAsync(
                    source,
                    words,
                    limited => runner.RetriedAsync(
                        source,
                        attempt => AttemptAsync(begun, token => RunMarkedAsync(source, schedule, type, watched, token), words, attempts, attempt),
                        (number, delay, reason) =>
                        {
                            attempts.Keep(attempt => journal.Record(begun.Id, attempt)); // now: the next one may be an hour away
                            AttemptFailed(source.Name, begun.Id, number, source.Attempts, delay, reason.Message);
                        },
                        limited),
                    broke => AttemptBroke(broke, source.Name, begun.Id),
                    cancellationToken);
            },
            EndOf,
            (ended, outcome) => journal.End(ended, attempts.Last, outcome?.Seconds),
            progress);

        var run = new RunRecord(operation, type, attempts.Count, outcome);
        Report(run);
        return new TurnEnd<RunRecord>(run, OperationRunner.News(source, operation, outcome?.Backup) with { Attempts = attempts.Count });
    }

    private async Task<BackupOutcome> RunMarkedAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        if (marks is not null)
        {
            var store = source.Catalog.Store;
            await source.Catalog.AskAsync(async () =>
            {
                await marks.RequireAsync(store, () => SourcesIn(store.Name).Append(source.Name).Any(journal.LastSuccessOfEach(OperationKind.Backup).ContainsKey), cancellationToken);
                return true;
            });
        }

        return await source.Catalog.AloneAsync(
            async token =>
            {
                await source.AskAsync(() => Task.FromResult(source.Source.Inspection.Exists)); // else a run keeps its place at work until its time is over
                return await backups.RunAsync(source, schedule, type, progress, token);
            },
            cancellationToken);
    }

    private async Task<BackupOutcome> AttemptAsync(
        Operation run, Func<CancellationToken, Task<BackupOutcome>> work, OperationWords words, Attempts attempts, CancellationToken cancellationToken)
    {
        var startedAt = runner.Now;
        try
        {
            var outcome = await work(cancellationToken);
            attempts.Add(startedAt, runner.Now, failure: null);
            return outcome;
        }
        catch (Exception failure)
        {
            var foreseen = OperationRunner.Foreseen(failure, words, broke => AttemptBroke(broke, run.Source, run.Id));

            // Ctrl-C reaches the tools of a run as well: what they fail by is how it was stopped. What was found until then stays found.
            if (cancellationToken.IsCancellationRequested && foreseen.Kind is not (FailureKind.Interrupted or FailureKind.Verification or FailureKind.SourceCorrupt or FailureKind.StoreFull))
                foreseen = new BackupException(FailureKind.Interrupted, $"{words.Name} was stopped: {foreseen.Message}", $"{words.AfterStop}; without the stop: {foreseen.Hint}", foreseen);
            attempts.Add(startedAt, runner.Now, RunFailure.Of(foreseen));
            if (ReferenceEquals(foreseen, failure))
                throw;
            throw foreseen;
        }
    }

    private OperationWords WordsOf(ProtectedSource source) => new(
        $"the run of source '{source.Name}'", $"back up source '{source.Name}'", $"backing up source '{source.Name}'", "nexus-backup backup", runner.Turns.StateDirectory)
    {
        AfterStop = "nothing of it counts; the next run starts afresh",
    };

    private static Operation EndOf(Operation ended, BackupOutcome? outcome) => outcome?.Backup.Manifest is not { } manifest ? ended : ended with
    {
        Backup = manifest.Id,
        Type = manifest.Type,
        FullBecause = outcome.FullBecause,
        StoredBytes = manifest.Stored.Length,
        ContentBytes = manifest.Content.Length,
    };

    private void Report(RunRecord run)
    {
        var seconds = run.Operation.Took.TotalSeconds;
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

    /// <summary>The attempts of one run.</summary>
    private sealed class Attempts
    {
        public int Count { get; private set; }

        /// <summary>The last one, unless it is kept already.</summary>
        public Attempt? Last { get; private set; }

        public void Add(DateTimeOffset startedAt, DateTimeOffset endedAt, RunFailure? failure) => Last = new Attempt(++Count, startedAt, endedAt, failure);

        public void Keep(Action<Attempt> keep)
        {
            keep(Last!);
            Last = null;
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

/// <summary>What a successful run did.</summary>
/// <param name="Backup">The new backup; its state is good.</param>
/// <param name="Decisions">What retention decided.</param>
/// <param name="Stages">How long each part took.</param>
internal sealed record BackupOutcome(
    Backup Backup, IReadOnlyList<RetentionDecision> Decisions, IReadOnlyDictionary<RunStage, TimeSpan> Stages)
{
    /// <summary>Why the backup is full though a differential or incremental one was asked for; null when it is what was asked for.</summary>
    public string? FullBecause { get; init; }

    public StageSeconds Seconds => new(Stages[RunStage.Capture].TotalSeconds, Stages[RunStage.Verify].TotalSeconds, Stages[RunStage.Prune].TotalSeconds);
}

/// <summary>The parts of a run (metric label <c>stage</c>).</summary>
internal enum RunStage
{
    Capture,
    Verify,
    Prune,

    /// <summary>To further stores, after the run.</summary>
    Copy,
}

/// <summary>How far a run is.</summary>
/// <param name="Stage">Which part.</param>
/// <param name="Done">Bytes.</param>
/// <param name="Total">Bytes.</param>
internal readonly record struct RunProgress(RunStage Stage, long Done, long Total)
{
    /// <summary>Reports bytes as the progress of a stage.</summary>
    /// <returns>Null when nobody watches.</returns>
    public static IProgress<long>? In(RunStage stage, long total, IProgress<RunProgress>? progress) =>
        progress is null ? null : new InPlaceProgress(done => progress.Report(new RunProgress(stage, done, total)));
}
