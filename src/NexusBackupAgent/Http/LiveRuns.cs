using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Http;

/// <summary>How something ended that the API began.</summary>
/// <param name="Document">What the command line would print; null when it failed without one.</param>
/// <param name="Failure">Null when it succeeded.</param>
internal sealed record RunEnd(object? Document, RunFailure? Failure, bool IsSkipped = false);

/// <summary>Something that the API began, from the request on: it may wait for its turn before the journal has it.</summary>
internal sealed class LiveRun(string ticket, OperationKind kind, string source, Asker asker, TimeProvider timeProvider) : IProgress<RunProgress>
{
    private readonly TaskCompletionSource earnest = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<RunEnd> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RunMeter meter = new(timeProvider);
    private DateTimeOffset? endedAt;
    private long number;

    public string Ticket => ticket;

    public OperationKind Kind => kind;

    public string Source => source;

    public string? Schedule { get; init; }

    public string? Type { get; init; }

    public DateTimeOffset AskedAt { get; } = timeProvider.GetUtcNow();

    public DateTimeOffset? EndedAt => endedAt;

    public Asker Asker => asker with { Noted = Note };

    /// <summary>The journal's; null while it has none.</summary>
    public long? Number => Interlocked.Read(ref number) is > 0 and var noted ? noted : null;

    /// <summary>Completes once bytes flow, or it has ended: whatever refuses it at once has refused by then.</summary>
    public Task Earnest => earnest.Task;

    public Task<RunEnd> Ended => ended.Task;

    /// <summary>Completes when there is something new to tell.</summary>
    public Task Moved => meter.Moved;

    public ProgressDocument? Progress => ended.Task.IsCompleted ? null : ProgressDocument.Of(meter);

    public void Report(RunProgress value)
    {
        meter.Report(value);
        earnest.TrySetResult();
    }

    public void End(RunEnd end)
    {
        endedAt = timeProvider.GetUtcNow();
        ended.TrySetResult(end);
        earnest.TrySetResult();
        meter.Pulse();
    }

    private void Note(long id)
    {
        Interlocked.CompareExchange(ref number, id, 0); // of several readings the first is the backup that was asked for, or what it builds on
        meter.Pulse();
    }
}

/// <summary>
/// Runs what the API is asked for, beside the scheduler and through the same door. A client that goes away stops nothing; the
/// agent's end stops all of it, as it does the scheduler's work, and waits for that.
/// </summary>
internal sealed partial class LiveRuns(OperationJournal journal, TimeProvider timeProvider, ILogger<LiveRuns> logger, CancellationToken stopping)
{
    /// <summary>Another operation of the source that is nearly done is waited for.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // A little more than the patience: who is refused for it hears so at once.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(3);

    private const int MostRemembered = 500;

    private readonly ConcurrentDictionary<string, LiveRun> runs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task> work = new(StringComparer.Ordinal);

    /// <summary>Cancelled when the agent is told to stop.</summary>
    public CancellationToken Stopping => stopping;

    /// <summary>Those that have not ended, newest first.</summary>
    public IReadOnlyList<LiveRun> Open => [.. runs.Values.Where(run => run.EndedAt is null).OrderByDescending(run => run.AskedAt)];

    /// <summary>Begins something.</summary>
    /// <param name="act">Does it; a failure may be thrown or returned.</param>
    /// <exception cref="BackupException">The same is under way already, or the agent is stopping.</exception>
    public LiveRun Start(OperationKind kind, string source, Caller caller, Func<LiveRun, CancellationToken, Task<RunEnd>> act, string? schedule = null, string? type = null, bool besideOthers = false)
    {
        stopping.ThrowIfCancellationRequested();
        if (!besideOthers && runs.Values.Any(open => open.EndedAt is null && open.Kind == kind && open.Source == source))
            throw RunLock.Busy(source);
        var run = new LiveRun($"t{RandomNumberGenerator.GetHexString(12, lowercase: true)}", kind, source, caller.Asker, timeProvider) { Schedule = schedule, Type = type };
        runs[run.Ticket] = run;
        work[run.Ticket] = Task.Run(() => DoAsync(run, caller, act), CancellationToken.None);
        Forget();
        return run;
    }

    /// <summary>Completes when nothing is under way.</summary>
    public Task WhenIdleAsync() => Task.WhenAll(work.Values);

    /// <summary>The run of a ticket or a number.</summary>
    /// <returns>Null when this agent did not begin it, or no longer remembers it.</returns>
    public LiveRun? Find(string id) => runs.TryGetValue(id, out var run) ? run : runs.Values.FirstOrDefault(run => run.Number is { } number && $"{number}" == id);

    /// <summary>How a run is now: as the journal has it, once it does.</summary>
    public OperationDocument Describe(LiveRun run)
    {
        var end = run.Ended.IsCompletedSuccessfully ? run.Ended.Result : null;
        if (run.Number is { } number && journal.Find(number) is { } operation)
            return OperationDocument.Of(operation) with { Ticket = run.Ticket, Progress = run.Progress, Restore = end?.Document as RestoreDocument };
        var failure = end?.Failure;
        return new OperationDocument(
            run.Ticket,
            OperationDocument.UrlOf(run.Ticket),
            run.Source,
            run.Kind.Word(),
            run.Schedule,
            run.Type,
            StartedAt: null,
            run.EndedAt is { } ended ? JsonTime.Utc(ended) : null,
            end is null ? OperationDocument.Waiting : end.IsSkipped ? RunResult.Skipped.Word() : failure is null ? RunResult.Success.Word() : RunResult.Failure.Word(),
            Backup: null,
            Detail: null,
            failure?.Kind.CamelWord(),
            failure?.Message,
            failure?.Hint,
            failure is null ? null : (int)OperationDocument.CodeOf(run.Kind, failure.Kind),
            run.EndedAt is { } at ? Math.Round((at - run.AskedAt).TotalSeconds, 3) : null,
            run.Asker.User,
            run.Asker.Address)
        {
            Ticket = run.Ticket,
        };
    }

    /// <summary>Answers what was begun; or, when it is waited for, what came of it.</summary>
    /// <param name="begun">One at least.</param>
    public async Task<IResult> AnswerAsync<T>(IReadOnlyList<LiveRun> begun, bool wait, CancellationToken gone)
    {
        if (wait)
            await Task.WhenAll(begun.Select(run => run.Ended)).WaitAsync(gone);
        else
            await Task.WhenAny(Task.WhenAll(begun.Select(run => run.Earnest)), Task.Delay(LongestSilence, timeProvider, gone));

        var failed = begun.Where(run => run.Ended.IsCompletedSuccessfully && run.Ended.Result.Failure is not null).ToList();
        IReadOnlyList<OperationDocument> documents = [.. begun.Select(Describe)];
        var worst = failed.Select(run => (run.Ended.Result.Failure, Code: OperationDocument.CodeOf(run.Kind, run.Ended.Result.Failure!.Kind))).OrderBy(failure => ExitCodes.SeverityOf(failure.Code)).FirstOrDefault();
        if (worst.Failure is { } failure && (wait || failed.Count == begun.Count || failure.Kind is FailureKind.StoreFull or FailureKind.StateFull))
            return Problems.Of(failure, Problems.StatusOf(failure.Kind), worst.Code, documents);
        if (wait)
            return TypedResults.Ok<IReadOnlyList<T>>([.. begun.Select(run => (T)run.Ended.Result.Document!)]);
        return TypedResults.Accepted(documents[0].Url, new BegunDocument(documents));
    }

    private async Task DoAsync(LiveRun run, Caller caller, Func<LiveRun, CancellationToken, Task<RunEnd>> act)
    {
        RunEnd end;
        try
        {
            end = await act(run, stopping);
        }
        catch (BackupException failure)
        {
            end = new RunEnd(Document: null, RunFailure.Of(failure));
        }
        catch (OperationCanceledException)
        {
            end = new RunEnd(Document: null, new RunFailure(FailureKind.Interrupted, $"the {run.Kind.Word()} of '{run.Source}' was stopped, because the agent stops", "ask for it again once the agent is back"));
        }
        catch (Exception defect)
        {
            RunBroke(defect, run.Kind.Word(), run.Source);
            end = new RunEnd(Document: null, new RunFailure(FailureKind.Unexpected, $"the {run.Kind.Word()} of '{run.Source}' failed: {defect.Message}", "look into the agent's log, and report what it says"));
        }

        Done(caller.User ?? "", caller.Address, run.Kind.Word(), run.Source, end.IsSkipped ? "skipped" : end.Failure is null ? "success" : "failure", run.Number ?? 0);
        run.End(end);
        work.TryRemove(run.Ticket, out _);
    }

    private void Forget()
    {
        foreach (var old in runs.Values.Where(run => run.EndedAt is not null).OrderByDescending(run => run.AskedAt).Skip(MostRemembered))
            runs.TryRemove(old.Ticket, out _);
        foreach (var done in work.Where(done => done.Value.IsCompleted))
            work.TryRemove(done);
    }

    [LoggerMessage(EventId = 4010, EventName = "asked", Level = LogLevel.Information, Message = "{User} from {Address} asked for a {Kind} of {Source}: {Outcome}, operation {Operation}")]
    private partial void Done(string user, string address, string kind, string source, string outcome, long operation);

    [LoggerMessage(EventId = 4011, EventName = "asked_broke", Level = LogLevel.Error, Message = "{Kind} of {Source} that was asked for: unexpected error")]
    private partial void RunBroke(Exception exception, string kind, string source);
}
