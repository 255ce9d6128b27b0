namespace NexusBackupAgent.Scheduling;

/// <summary>
/// Lines of work: what is in one line is done one after the other, lines side by side up to a bound.
/// </summary>
/// <param name="maximumParallel">How many pieces of work are done at once.</param>
internal sealed class WorkLines(int maximumParallel) : IDisposable
{
    private readonly Lock gate = new();
    private readonly SemaphoreSlim slots = new(maximumParallel);
    private readonly Dictionary<string, Task> tails = new(StringComparer.Ordinal);
    private readonly HashSet<(string Line, string Name)> waiting = [];

    /// <summary>Puts work at the end of a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="name">What the work is; it is not put in twice.</param>
    /// <param name="action">The work; it handles its own failures.</param>
    /// <returns>False when work of that name is still waiting or being done.</returns>
    public bool Enqueue(string line, string name, Func<Task> action)
    {
        lock (gate)
        {
            if (!waiting.Add((line, name)))
                return false;
            var before = tails.GetValueOrDefault(line, Task.CompletedTask);
            tails[line] = Task.Run(() => DoAsync(before, line, name, action));
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
                tasks = [.. tails.Values];
            await Task.WhenAll(tasks);
            lock (gate)
            {
                if (waiting.Count == 0)
                    return;
            }
        }
    }

    public void Dispose() => slots.Dispose();

    private async Task DoAsync(Task before, string line, string name, Func<Task> action)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await slots.WaitAsync();
        try
        {
            await action();
        }
        finally
        {
            slots.Release();
            lock (gate)
                waiting.Remove((line, name));
        }
    }
}
