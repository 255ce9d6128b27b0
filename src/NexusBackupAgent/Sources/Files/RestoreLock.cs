using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Files;

/// <summary>
/// One restore per target at a time: a <see cref="FileLock"/> on a hidden file beside the target, where restores of every
/// state directory meet. The file goes with the lock.
/// </summary>
internal sealed class RestoreLock : IDisposable
{
    private readonly string path;
    private readonly FileLock file;

    private RestoreLock(string path, FileLock file)
    {
        this.path = path;
        this.file = file;
    }

    /// <returns>Null when somebody else holds it.</returns>
    /// <exception cref="IOException">It can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static RestoreLock? TryAcquire(string path)
    {
        while (FileLock.TryAcquire(path) is { } opened)
        {
            // Its last holder may have removed the file between our opening and locking it: then that lock keeps nobody away.
            if (opened.Status is not { } locked
                || (FileStatus.Of(path) is { } there && there.IsSameFileAs(locked)))
                return new RestoreLock(path, opened);
            opened.Dispose();
        }

        return null;
    }

    public void Dispose()
    {
        FileTarget.TryDelete(path); // while it is locked, so that nobody else's is removed
        file.Dispose();
    }
}
