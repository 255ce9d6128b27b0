using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

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

    private readonly string stateDirectory;
    private readonly string source;

    private RunLock(FileLock file, string stateDirectory, string source) => (this.file, this.stateDirectory, this.source) = (file, stateDirectory, source);

    /// <returns>Null when somebody else holds it.</returns>
    public static RunLock? TryAcquire(string stateDirectory, string source) => On(stateDirectory, source, path =>
    {
        FileOwner.MakeDirectory(Path.GetDirectoryName(path)!);
        var isNew = !File.Exists(path);
        var opened = FileLock.TryAcquire(path);
        if (isNew && opened is not null)
            FileOwner.Inherit(path);
        return opened is null ? null : new RunLock(opened, stateDirectory, source);
    });

    /// <summary>The failure of what needs a source that another run holds.</summary>
    public static BackupException Busy(string source) => new(
        FailureKind.Locked,
        $"another run of source '{source}' is under way",
        "wait for it to end (nexus-backup status shows it), then run the command again");

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

    /// <summary>Keeps a number and an instant in its file, also on a full disk; who comes later reads them with <see cref="MarkOf"/>.</summary>
    /// <exception cref="Common.BackupException">It can't be kept.</exception>
    public void Mark(long number, DateTimeOffset at) => On(stateDirectory, source, _ =>
    {
        file.Mark(number, at);
        return true;
    });

    /// <summary>What <see cref="Mark"/> kept last, by whoever held it.</summary>
    /// <returns>Null when there is no file; 0 and some instant when nothing was kept.</returns>
    public static (long Number, DateTimeOffset At)? MarkOf(string stateDirectory, string source) => On<(long, DateTimeOffset)?>(
        stateDirectory, source, path => new FileInfo(path) is { Exists: true } file ? (file.Length, new DateTimeOffset(file.LastWriteTimeUtc)) : null);

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
