namespace NexusBackupAgent.Scheduling;

/// <summary>
/// Lines of work: what is in one line is done one after the other, lines side by side up to a bound.
/// </summary>
/// <param name="places">How many pieces of work are done at once of those that share them.</param>
/// <param name="patience">How long a line and a place at work wait for one piece that hangs. It goes on by itself, and is not put in again before it has ended.</param>
internal sealed class WorkLines(int places, TimeSpan patience, TimeProvider timeProvider) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, SemaphoreSlim> slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Task> tails = new(StringComparer.Ordinal);
    private readonly HashSet<(string Line, string Name)> waiting = [];
    private readonly List<Task> pieces = [];

    /// <summary>Puts work at the end of a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="sharing">With whom it shares its places: what hangs together keeps nobody else waiting.</param>
    /// <param name="name">What the work is; it is not put in twice.</param>
    /// <param name="action">The work; it handles its own failures.</param>
    /// <returns>False when work of that name is still waiting or being done.</returns>
    public bool Enqueue(string line, string sharing, string name, Func<Task> action)
    {
        lock (gate)
        {
            if (!waiting.Add((line, name)))
                return false;
            var before = tails.GetValueOrDefault(line, Task.CompletedTask);
            if (!slots.TryGetValue(sharing, out var shared))
                slots.Add(sharing, shared = new SemaphoreSlim(places));
            tails[line] = Task.Run(() => DoAsync(before, shared, line, name, action));
            return true;
        }
    }

    /// <summary>Completes when nothing is left to do.</summary>
    public async Task WhenIdleAsync()
    {
        while (true)
        {
            Task[] tasks;
            lock (gate)
                tasks = [.. tails.Values, .. pieces];
            await Task.WhenAll(tasks);
            lock (gate)
            {
                if (waiting.Count == 0)
                    return;
            }
        }
    }

    public void Dispose()
    {
        foreach (var shared in slots.Values)
            shared.Dispose();
    }

    private async Task DoAsync(Task before, SemaphoreSlim shared, string line, string name, Func<Task> action)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await shared.WaitAsync();
        try
        {
            using var ended = new CancellationTokenSource();
            Task piece;
            lock (gate)
                pieces.Add(piece = EndAsync(Task.Run(action, CancellationToken.None), line, name));
            await Task.WhenAny(piece, Task.Delay(patience, timeProvider, ended.Token));
            await ended.CancelAsync();
        }
        finally
        {
            shared.Release();
        }
    }

    private async Task EndAsync(Task piece, string line, string name)
    {
        await piece.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (gate)
        {
            waiting.Remove((line, name));
            pieces.RemoveAll(other => other.IsCompleted);
        }
    }
}
