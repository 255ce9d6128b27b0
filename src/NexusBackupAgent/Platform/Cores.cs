namespace NexusBackupAgent.Platform;

/// <summary>How much of the machine the agent's work side by side uses.</summary>
internal static class Cores
{
    // Each one that compresses costs up to 10 MB (buffers, the compressor's state, its thread), of 120 MB for the whole agent;
    // those that read a catalog wait for each other in the kernel. And the host has other work.
    private const int Most = 4;

    /// <summary>How many things are done at once, 1 to 4: every core of a small machine, and on a large one no more memory than on that.</summary>
    public static readonly int Used = Math.Clamp(Environment.ProcessorCount, 1, Most);
}

/// <summary>Work on many small things of one kind, on several cores where there are enough of them.</summary>
internal static class Sections
{
    /// <summary>Things; fewer are done sooner than another thread has begun.</summary>
    private const int Enough = 2048;

    /// <summary>Does all of 0 to <paramref name="count"/> − 1, in sections side by side, and completes when all are done.</summary>
    /// <param name="work">Does a section from the first to before the second number; called by several threads at once.</param>
    /// <exception cref="Exception">The first that a section threw; others may not have been done then.</exception>
    public static async Task DoAsync(int count, Func<int, int, CancellationToken, ValueTask> work, CancellationToken cancellationToken)
    {
        if (count < Enough || Cores.Used == 1)
        {
            await work(0, count, cancellationToken);
            return;
        }

        var length = (count / (Cores.Used * 8)) + 1; // short enough that none is long waited for
        await Parallel.ForEachAsync(
            Enumerable.Range(0, (count + length - 1) / length),
            new ParallelOptions { MaxDegreeOfParallelism = Cores.Used, CancellationToken = cancellationToken },
            (section, token) => work(section * length, Math.Min(count, (section + 1) * length), token));
    }
}
