
namespace NexusBackupAgent.Platform;

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
