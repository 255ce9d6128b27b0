using NexusBackupAgent.Common;
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

    /// <summary>The failure of what needs a source that another run holds.</summary>
    public static BackupException Busy(string source) => new(
        FailureKind.Locked,
        $"another run of source '{source}' is under way",
        "wait for it to end (nexus-backup status shows it), then run the command again");

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

    /// <summary>Does what a turn is for, within the source's time limit.</summary>
    /// <param name="what">As a message names it: <c>the drill of source 'itsm'</c>.</param>
    /// <param name="slow">Where to look when it takes too long.</param>
    /// <exception cref="BackupException">It took longer (<see cref="FailureKind.TimedOut"/>).</exception>
    public async Task<T> WithinTimeLimitAsync<T>(
        ProtectedSource source, string what, string slow, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var limit = new TimeLimit(source.TimeLimit, timeProvider, cancellationToken);
        try
        {
            return await work(limit.Token);
        }
        catch (Exception stopped) when (limit.IsExceeded && (stopped is OperationCanceledException or BackupException { Kind: FailureKind.Interrupted }))
        {
            throw new BackupException(FailureKind.TimedOut, $"{what} exceeded its time limit of {source.TimeLimit}", $"see what is slow ({slow}), or raise timeLimit", stopped);
        }
    }

    /// <summary>Takes the source's lock alone, for work that is over at once.</summary>
    /// <returns>Null when another run still holds it after <paramref name="timeout"/>.</returns>
    public Task<RunLock?> HoldAsync(string source, TimeSpan timeout, CancellationToken cancellationToken) =>
        RunLock.AcquireAsync(stateDirectory, source, timeout, timeProvider, cancellationToken);

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
