using NexusBackupAgent.Common;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.Runs;

/// <summary>
/// One run per source at a time, across processes: a <see cref="FileLock"/> on a file that stays.
/// </summary>
internal sealed class RunLock : IDisposable
{
    /// <summary>The name under which the running agent itself holds a lock. No source can have it: it would be a hidden file.</summary>
    public const string Agent = ".agent";

    /// <summary>How often a held lock is tried again.</summary>
    public static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    private readonly FileLock file;

    private RunLock(FileLock file) => this.file = file;

    /// <returns>Null when somebody else holds it.</returns>
    public static RunLock? TryAcquire(string stateDirectory, string source) => On(stateDirectory, source, path =>
    {
        FileOwner.MakeDirectory(Path.GetDirectoryName(path)!);
        var isNew = !File.Exists(path);
        var opened = FileLock.TryAcquire(path);
        if (isNew && opened is not null)
            FileOwner.Inherit(path);
        return opened is null ? null : new RunLock(opened);
    });

    /// <summary>Takes the lock, waiting for whoever holds it.</summary>
    /// <returns>Null when it is still held after <paramref name="timeout"/>.</returns>
    public static async Task<RunLock?> AcquireAsync(
        string stateDirectory, string source, TimeSpan timeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (true)
        {
            if (TryAcquire(stateDirectory, source) is { } held)
                return held;
            if (timeProvider.GetElapsedTime(started) >= timeout)
                return null;
            await Task.Delay(Poll, timeProvider, cancellationToken);
        }
    }

    /// <summary>Whether somebody holds it now. Touches nothing.</summary>
    public static bool IsHeld(string stateDirectory, string source) => On(stateDirectory, source, FileLock.IsHeld);

    public void Dispose() => file.Dispose();

    private static T On<T>(string stateDirectory, string source, Func<string, T> work)
    {
        var path = Path.Combine(stateDirectory, "locks", source + ".lock");
        try
        {
            return work(path);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw StateAccess.Translate(failure, $"lock source '{source}' with '{path}'", stateDirectory);
        }
    }
}
