namespace NexusBackupAgent.Common;

/// <summary>How long some work may take that its caller may stop as well.</summary>
internal sealed class TimeLimit : IDisposable
{
    private readonly CancellationToken caller;
    private readonly CancellationTokenSource limit;
    private readonly CancellationTokenSource either;

    /// <param name="span">From now on.</param>
    /// <param name="caller">Stops the work before that.</param>
    public TimeLimit(TimeSpan span, TimeProvider timeProvider, CancellationToken caller)
    {
        this.caller = caller;
        limit = new CancellationTokenSource(span, timeProvider);
        either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, caller);
    }

    /// <summary>For the work: the limit and the caller cancel it.</summary>
    public CancellationToken Token => either.Token;

    /// <summary>Whether it was the limit that stopped the work. A caller who stopped it too has no use for that.</summary>
    public bool IsExceeded => limit.IsCancellationRequested && !caller.IsCancellationRequested;

    public void Dispose()
    {
        either.Dispose();
        limit.Dispose();
    }
}

/// <summary>Work was told to stop, and waited for somebody at that moment.</summary>
/// <param name="awaited">For people: <c>store 'offsite' (write s3://backups/a)</c>.</param>
internal sealed class StoppedWaitingException(string awaited, Exception cause, CancellationToken stop) : OperationCanceledException($"it was stopped while it waited for {awaited}", cause, stop)
{
    public string Awaited => awaited;

    /// <returns>The end of a sentence about what was stopped; empty where it waited for nobody in particular.</returns>
    public static string While(Exception stopped) => stopped is StoppedWaitingException waiting ? $" while it waited for {waiting.Awaited}" : "";
}

/// <summary>
/// For work that may hang in the kernel, on a network disk whose server is gone: no token reaches it there, and no thread
/// gets away from it. Whoever waits does; the thread stays until the kernel lets it go, or the process ends.
/// </summary>
internal static class Patience
{
    /// <summary>How long what was told to stop has for that. What takes longer hangs.</summary>
    public static readonly TimeSpan ToStop = TimeSpan.FromSeconds(15);

    /// <summary>How long a disk has for the answer to a question.</summary>
    public static readonly TimeSpan ToAnswer = TimeSpan.FromSeconds(15);

    /// <summary>Does work on a thread of its own, and waits until it ends, or was told to stop and has not.</summary>
    /// <param name="stop">Tells the work to stop.</param>
    /// <param name="toStop">How long it has from then on.</param>
    /// <returns>The work, which has ended unless it hangs; what it threw is in it.</returns>
    public static async Task<Task<T>> WatchAsync<T>(Func<Task<T>> work, TimeSpan toStop, TimeProvider timeProvider, CancellationToken stop)
    {
        var doing = Task.Run(work, CancellationToken.None);
        using (var ended = new CancellationTokenSource())
        {
            var ranOut = RunOutAsync(toStop, timeProvider, stop, ended.Token);
            await Task.WhenAny(doing, ranOut);
            await ended.CancelAsync();
            await ranOut;
        }

        return doing;
    }

    private static async Task RunOutAsync(TimeSpan toStop, TimeProvider timeProvider, CancellationToken stop, CancellationToken ended)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, ended);
        await Task.Delay(Timeout.InfiniteTimeSpan, timeProvider, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(toStop, timeProvider, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

/// <summary>Looks at what may never answer. Who asks again while one look hangs hears so at once: each scrape would cost a thread otherwise.</summary>
/// <param name="patience">How long one look may take.</param>
internal sealed class PatientLook(TimeSpan patience, TimeProvider timeProvider)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, Task> hanging = new(StringComparer.Ordinal);

    /// <param name="what">What is looked at; each for itself.</param>
    /// <param name="silence">What to take for the answer where there is none.</param>
    /// <param name="evenLate">Whether the answer counts that a look gave up to wait for when it has come by now: what takes long each time would never be known otherwise.</param>
    public async Task<T> AskAsync<T>(string what, Func<Task<T>> look, Func<T> silence, bool evenLate = false)
    {
        if (IsHanging(what))
            return silence();
        var asked = hanging.TryRemove(what, out var before) && evenLate ? (Task<T>)before : Task.Run(look);
        return await EndsAsync(what, asked) ? await asked : silence();
    }

    /// <summary>The same for a look that may be long: it is waited for as long as what is looked at answers a small question.</summary>
    public async Task<T> AskAsync<T>(string what, Func<Task<T>> look, Func<Task> question, Func<T> silence)
    {
        if (IsHanging(what))
            return silence();
        var asked = Task.Run(look);
        while (!await HasEndedAsync(asked, patience / 3))
        {
            if (!await EndsAsync(what, Task.Run(question)))
                return silence();
        }

        return await asked;
    }

    private bool IsHanging(string what) => hanging.TryGetValue(what, out var before) && !before.IsCompleted;

    /// <summary>Waits for a look, and remembers it where it hangs.</summary>
    private async Task<bool> EndsAsync(string what, Task asked)
    {
        if (await HasEndedAsync(asked, patience))
            return true;
        hanging[what] = asked;
        return false;
    }

    private async Task<bool> HasEndedAsync(Task asked, TimeSpan within)
    {
        await asked.WaitAsync(within, timeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return asked.IsCompleted;
    }
}
