using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Stores;
using Polly;
using Polly.Retry;

namespace NexusBackupAgent.Operations;

/// <summary>What came of the work of a turn.</summary>
/// <param name="Result">For whoever asked for it.</param>
/// <param name="News">What the source's hooks are told.</param>
internal sealed record TurnEnd<T>(T Result, params IReadOnlyList<HookEvent> News)
{
    /// <summary>What whoever asked for it gets instead of the result, once the hooks were told; null when nothing.</summary>
    public ExceptionDispatchInfo? Problem { get; init; }
}

/// <summary>How messages name an operation.</summary>
/// <param name="Name">What exceeds its time limit or is stopped: <c>the drill of source 'itsm'</c>.</param>
/// <param name="Action">What can't be done: <c>practise a restore of source 'itsm'</c>.</param>
/// <param name="Failing">What failed for a reason that nobody foresaw: <c>verifying '/backups/a.db.gz'</c>.</param>
/// <param name="Command">What shows more of that reason with <c>--verbose</c>: <c>nexus-backup drill</c>.</param>
/// <param name="Place">The directory to look at when the file system refuses.</param>
internal sealed record OperationWords(string Name, string Action, string Failing, string Command, string Place)
{
    /// <summary>Where to look when it takes too long.</summary>
    public string Slow { get; init; } = "iostat -x 1";

    /// <summary>What to do once it was stopped; null: that it was stopped is nothing to keep, and is thrown as it is.</summary>
    public string? AfterStop { get; init; }
}

/// <summary>
/// Runs operations on a source, for cron, HTTP and the command line: takes the source's turn, keeps the time limit, tries again
/// what may pass, opens and closes the journal, gives a name to what nobody foresaw, and tells the hooks once the turn is given
/// back. What is done in the turn, each operation says: <see cref="BackupOperation"/>, <see cref="VerifyOperation"/>,
/// <see cref="RestoreOperation"/>, <see cref="DrillOperation"/>, <see cref="PruneOperation"/>, <see cref="CopyOperation"/>, <see cref="SelfTestOperation"/>.
/// Two that are short take the turn themselves: <see cref="VerifyOperation.GatherAsync"/> and <see cref="BackupOperation.CloseAbandoned"/>.
/// </summary>
internal sealed class OperationRunner(SourceTurns turns, OperationJournal journal, HookRunner hooks, TimeProvider timeProvider)
{
    private readonly ConcurrentDictionary<long, RunMeter> meters = [];

    public SourceTurns Turns => turns;

    /// <summary>UTC.</summary>
    public DateTimeOffset Now => timeProvider.GetUtcNow();

    /// <summary>How far an operation is, whoever began it.</summary>
    /// <param name="id">The journal's number.</param>
    /// <returns>Null when it is not under way in this process.</returns>
    public RunMeter? MeterOf(long id) => meters.GetValueOrDefault(id);

    /// <summary>What the hooks of a source are told of an operation that ended.</summary>
    /// <param name="backup">The backup that it made or was done with; null when there was none.</param>
    public static HookEvent News(ProtectedSource source, Operation operation, Backup? backup) =>
        new(operation, backup, backup is null ? null : source.Catalog.Locate(backup.File));

    /// <summary>Does work in the source's turn, and tells the hooks what came of it: the next operation need not wait for them.</summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for.</param>
    /// <param name="busy">What comes of it when that takes longer; null: a failure.</param>
    /// <param name="unlockable">Told why no lock can be made, and then the work is done without one: who else works on the source is not seen. Null: a failure.</param>
    /// <exception cref="BackupException">The source is busy, or its lock can't be made; or what <paramref name="work"/> throws.</exception>
    public async Task<T> InTurnAsync<T>(
        ProtectedSource source, TimeSpan patience, Func<Task<TurnEnd<T>>> work, CancellationToken cancellationToken, Func<TurnEnd<T>>? busy = null, Action<BackupException>? unlockable = null)
    {
        cancellationToken.ThrowIfCancellationRequested(); // what was due when the agent stopped never began, and has not failed
        var end = await WorkAsync();
        foreach (var news in end.News)
            await hooks.TellAsync(source.Hooks, news, cancellationToken);
        end.Problem?.Throw();
        return end.Result;

        async Task<TurnEnd<T>> WorkAsync()
        {
            var isLockable = true;
            IDisposable? turn = null;
            try
            {
                turn = await turns.TakeAsync(source.Turn, patience, cancellationToken, () => turns.Waiting(source, patience), isCopy: source.CopyStore is not null);
            }
            catch (BackupException refused) when (unlockable is not null && refused.Kind is FailureKind.StoreFull or FailureKind.StoreUnavailable)
            {
                unlockable(refused);
                isLockable = false;
            }

            using (turn)
                return turn is not null || !isLockable ? await work() : busy?.Invoke() ?? throw turns.Busy(source);
        }
    }

    /// <summary>Does work that the journal has from its beginning on, so that one whose process died is told. In the source's turn.</summary>
    /// <param name="begun">As it begins.</param>
    /// <param name="work">Given the operation with its number, and whom to tell how far it is; throws nothing but a <see cref="BackupException"/>.</param>
    /// <param name="end">The operation as it ended, completed with what was done; null when it failed.</param>
    /// <param name="close">Writes the end to the journal; null: as it is.</param>
    /// <param name="progress">Told how far it is as well.</param>
    /// <returns>The operation as it ended, what was done, and what kept it from being done; one of the two is null.</returns>
    /// <exception cref="BackupException">The journal can't be written.</exception>
    public async Task<(Operation Operation, T? Outcome, BackupException? Failure)> JournalledAsync<T>(
        Operation begun, Func<Operation, IProgress<RunProgress>, Task<T>> work, Func<Operation, T?, Operation> end, Action<Operation, T?>? close = null, IProgress<RunProgress>? progress = null)
        where T : class
    {
        var open = begun with { Id = journal.Begin(begun) };
        var meter = meters[open.Id] = new RunMeter(timeProvider);
        try
        {
            var (outcome, failure) = await TryAsync(() => work(open, progress is null ? meter : new BothProgress(meter, progress)));
            var ended = end(Ended(open, failure), outcome);
            if (close is null)
                journal.End(ended);
            else
                close(ended, outcome);
            return (ended, outcome, failure);
        }
        finally
        {
            meters.TryRemove(open.Id, out _);
            meter.Pulse();
        }
    }

    /// <summary>Does work that the journal has once it ended: outside of a turn no lock would say which one that is open died.</summary>
    /// <returns>As <see cref="JournalledAsync"/> does.</returns>
    /// <exception cref="BackupException">The journal can't be written.</exception>
    public async Task<(Operation Operation, T? Outcome, BackupException? Failure)> RecordedAsync<T>(Operation begun, Func<Task<T>> work, Func<Operation, T?, Operation> end)
        where T : class
    {
        var (outcome, failure) = await TryAsync(work);
        return (journal.Record(end(Ended(begun, failure), outcome)), outcome, failure);
    }

    /// <summary>Does work within the source's time limit; whatever it fails by, a <see cref="BackupException"/> says it.</summary>
    /// <param name="broke">Told of what nobody foresaw: only here is its stack trace still known.</param>
    /// <param name="leave">Leaves work that hangs, and says more of it than that; null from it: the work ended after all.</param>
    /// <exception cref="BackupException">It failed, was stopped, or took too long (<see cref="FailureKind.TimedOut"/>).</exception>
    public Task<T> WithinLimitAsync<T>(
        ProtectedSource source,
        OperationWords words,
        Func<CancellationToken, Task<T>> work,
        Action<Exception> broke,
        CancellationToken cancellationToken,
        Func<Task, BackupException, Task<BackupException?>>? leave = null) =>
        ForeseenAsync(
            words,
            async () =>
            {
                var limit = new TimeLimit(source.TimeLimit, timeProvider, cancellationToken);
                var watched = await Patience.WatchAsync(() => work(limit.Token), Patience.ToStop, timeProvider, limit.Token);
                _ = watched.ContinueWith(_ => limit.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                if (!watched.IsCompleted)
                {
                    var isExceeded = limit.IsExceeded;
                    var (awaited, look) = Awaited(source.Catalog.Store);
                    var hung = new BackupException(
                        isExceeded ? FailureKind.TimedOut : FailureKind.Interrupted,
                        $"{words.Name} {(isExceeded ? $"exceeded its time limit of {source.TimeLimit}" : "was told to stop")} and has not stopped within {Patience.ToStop.TotalSeconds:0} s, probably because {awaited} does not answer; this agent begins nothing else of the source until it does",
                        $"{look}; if that does not help, restart the agent");
                    turns.Hangs(source.Turn, watched); // before anything else can fail: nothing may begin beside it
                    if ((leave is null ? hung : await leave(watched, hung)) is { } left)
                        throw left;
                }

                try
                {
                    return await watched;
                }
                catch (Exception stopped) when (limit.IsExceeded && stopped is OperationCanceledException or BackupException { Kind: FailureKind.Interrupted })
                {
                    throw new BackupException(FailureKind.TimedOut, $"{words.Name} exceeded its time limit of {source.TimeLimit}", $"see what is slow ({words.Slow}), or raise timeLimit", stopped);
                }
            },
            broke);

    /// <summary>What work that does not stop waits for, as far as can be told, and what to look at: a store without a disk, or else some disk.</summary>
    private static (string Awaited, string Look) Awaited(IBackupStore? store)
    {
        var disk = $"see which disk does not answer (cat /proc/{Environment.ProcessId}/task/*/wchan; df; dmesg | tail), and mount it again";
        return store is null || store.Inspection.CommandFor(StoreQuestion.IsTheDiskSound, "") is not null
            ? ("a disk", disk)
            : ($"store '{store.Name}' at '{store.Describe("")}', or a disk,", $"{store.Silent().Hint}; or {disk}");
    }

    /// <summary>The same without a limit.</summary>
    public static async Task<T> ForeseenAsync<T>(OperationWords words, Func<Task<T>> work, Action<Exception> broke)
    {
        try
        {
            return await work();
        }
        catch (Exception failure) when (failure is not BackupException && !(failure is OperationCanceledException && words.AfterStop is null))
        {
            throw Foreseen(failure, words, broke);
        }
    }

    /// <summary>Tries work again that failed by what may pass, as often and with the delays that the source has.</summary>
    /// <param name="again">Told of each failed attempt that another one will follow: its number, the delay, why.</param>
    public async Task<T> RetriedAsync<T>(
        ProtectedSource source, Func<CancellationToken, Task<T>> work, Action<int, TimeSpan, Exception> again, CancellationToken cancellationToken)
    {
        if (source.Attempts <= 1)
            return await work(cancellationToken);
        var pipeline = new ResiliencePipelineBuilder { TimeProvider = timeProvider }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<BackupException>(failure => failure.Kind.IsTransient()),
                MaxRetryAttempts = source.Attempts - 1,
                BackoffType = DelayBackoffType.Exponential,
                Delay = source.RetryDelay,
                OnRetry = retry =>
                {
                    again(retry.AttemptNumber + 1, retry.RetryDelay, retry.Outcome.Exception!);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        return await pipeline.ExecuteAsync(async token => await work(token), cancellationToken);
    }

    /// <summary>What a failure is called in journal, log and message.</summary>
    /// <param name="broke">Told of what nobody foresaw.</param>
    public static BackupException Foreseen(Exception failure, OperationWords words, Action<Exception> broke)
    {
        switch (failure)
        {
            case BackupException known:
                return known;
            case OperationCanceledException:
                return new BackupException(FailureKind.Interrupted, $"{words.Name} was stopped{StoppedWaitingException.While(failure)}", words.AfterStop ?? "", failure);
            case var io when IoFailure.IsKnown(io):
                return IoFailure.Translate(io, words.Action, words.Place);
            default:
                broke(failure);
                return new BackupException(FailureKind.Unexpected, $"{words.Failing} failed: {failure.Message}", $"run {words.Command} --verbose and report what it prints", failure);
        }
    }

    private sealed class BothProgress(RunMeter meter, IProgress<RunProgress> other) : IProgress<RunProgress>
    {
        public void Report(RunProgress value)
        {
            meter.Report(value);
            other.Report(value);
        }
    }

    private Operation Ended(Operation begun, BackupException? failure) => begun with { EndedAt = Now, Failure = failure is null ? null : RunFailure.Of(failure) };

    private static async Task<(T? Outcome, BackupException? Failure)> TryAsync<T>(Func<Task<T>> work)
        where T : class
    {
        try
        {
            return (await work(), null);
        }
        catch (BackupException failure)
        {
            return (null, failure);
        }
    }
}

/// <summary>
/// Who may work on which source now: one at a time on each, across processes, and few at once in this one.
/// </summary>
/// <param name="stateDirectory">Holds the locks.</param>
internal sealed class SourceTurns(string stateDirectory, TimeProvider timeProvider) : IDisposable
{
    /// <summary>How many runs and verifications one process does at once: each uses all cores as it is.</summary>
    private const int MostParallel = 2;

    private readonly SemaphoreSlim runs = new(MostParallel);

    /// <summary>Copies wait for stores more than they work, and no run is to wait for a slow store.</summary>
    private readonly SemaphoreSlim copies = new(MostParallel);

    /// <summary>Work that was given up because it does not stop, by source.</summary>
    private readonly ConcurrentDictionary<string, (Task Work, DateTimeOffset Since)> hanging = new(StringComparer.Ordinal);

    /// <summary>Since when work of a source hangs that was given up, UTC. No other is begun in this process before it ends: each would hang as well.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> Hanging => hanging.Where(work => !work.Value.Work.IsCompleted).ToDictionary(work => work.Key, work => work.Value.Since, StringComparer.Ordinal);

    public string StateDirectory => stateDirectory;

    /// <summary>Told at once when somebody has to wait for another run of a source, and for how long at most.</summary>
    public Action<ProtectedSource, TimeSpan> Waiting { get; set; } = (_, _) => { };

    /// <summary>
    /// Waits for a place at work and the source's lock, and for neither while it holds the other: a queue of due sources must
    /// not look busy to a command, nor another process's run keep other sources waiting.
    /// </summary>
    /// <param name="lockTimeout">How long another run of the source is waited for.</param>
    /// <param name="waits">Called once, if it is.</param>
    /// <param name="isCopy">Whether it is a turn of a further store.</param>
    /// <returns>To be disposed when the work is done; null when another run held the lock for longer than that.</returns>
    public async Task<IDisposable?> TakeAsync(string source, TimeSpan lockTimeout, CancellationToken cancellationToken, Action? waits = null, bool isCopy = false)
    {
        var slots = isCopy ? copies : runs;
        if (IsHanging(source))
            return null;
        await slots.WaitAsync(cancellationToken);
        var started = timeProvider.GetTimestamp();
        while (true)
        {
            try
            {
                if (TryHold(source) is { } held)
                    return new Turn(held, slots);
            }
            catch
            {
                slots.Release();
                throw;
            }

            slots.Release();
            if (timeProvider.GetElapsedTime(started) >= lockTimeout)
                return null;
            waits?.Invoke();
            waits = null;
            await Task.Delay(RunLock.Poll, timeProvider, cancellationToken);
            await slots.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Takes the source's lock alone, for work that is over at once.</summary>
    /// <returns>Null when somebody else holds it.</returns>
    public RunLock? TryHold(string source)
    {
        var held = IsHanging(source) ? null : RunLock.TryAcquire(stateDirectory, source);
        held?.Begin(timeProvider.GetUtcNow());
        return held;
    }

    /// <summary>The failure of what needs a source that another run holds, with who that is.</summary>
    public BackupException Busy(ProtectedSource source)
    {
        var (process, since) = RunLock.HolderOf(stateDirectory, source.Turn);
        return RunLock.Busy(source.CopyStore is null ? source.Name : $"{source.Name}' in store '{source.CopyStore}", process is null ? "" : $": process {process} works on it since {Instants.InZone(since!.Value, source.Zone)}");
    }

    /// <summary>Notes work of a source that is given up.</summary>
    public void Hangs(string source, Task work) => hanging[source] = (work, timeProvider.GetUtcNow());

    private bool IsHanging(string source) => hanging.TryGetValue(source, out var work) && !work.Work.IsCompleted;

    /// <summary>Whether a run of the source is under way in any process: what looks like a leftover may then be at work.</summary>
    public bool IsUnderWay(string source) => RunLock.IsHeld(stateDirectory, source);

    public void Dispose()
    {
        runs.Dispose();
        copies.Dispose();
    }

    private sealed class Turn(RunLock held, SemaphoreSlim slots) : IDisposable
    {
        public void Dispose()
        {
            held.Dispose();
            slots.Release();
        }
    }
}
