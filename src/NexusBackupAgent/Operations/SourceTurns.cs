using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Operations;

/// <summary>
/// Who may work on which source now: one at a time on each, across processes, and few at once in this one.
/// </summary>
/// <param name="stateDirectory">Holds the locks.</param>
internal sealed class SourceTurns(string stateDirectory, TimeProvider timeProvider) : IDisposable
{
    /// <summary>How many runs and verifications one process does at once: each uses all cores as it is.</summary>
    private const int MostParallel = 2;

    private readonly SemaphoreSlim slots = new(MostParallel);

    public string StateDirectory => stateDirectory;

    /// <summary>
    /// Waits for a place at work and the source's lock, and for neither while it holds the other: a queue of due sources must
    /// not look busy to a command, nor another process's run keep other sources waiting.
    /// </summary>
    /// <param name="lockTimeout">How long another run of the source is waited for.</param>
    /// <returns>To be disposed when the work is done; null when another run held the lock for longer than that.</returns>
    public async Task<IDisposable?> TakeAsync(string source, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
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
            await Task.Delay(RunLock.Poll, timeProvider, cancellationToken);
            await slots.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Takes the source's lock alone, for work that is over at once.</summary>
    /// <returns>Null when somebody else holds it.</returns>
    public RunLock? TryHold(string source) => RunLock.TryAcquire(stateDirectory, source);

    /// <summary>Whether a run of the source is under way in any process: what looks like a leftover may then be at work.</summary>
    public bool IsUnderWay(string source) => RunLock.IsHeld(stateDirectory, source);

    public void Dispose() => slots.Dispose();

    private sealed class Turn(RunLock held, SemaphoreSlim slots) : IDisposable
    {
        public void Dispose()
        {
            held.Dispose();
            slots.Release();
        }
    }
}
