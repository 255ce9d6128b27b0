namespace NexusBackupAgent.Storage;

/// <summary>An advisory lock on a file (flock), across processes: the kernel drops it when its process dies, however it dies.</summary>
internal static class FileLock
{
    private const int WouldBlock = 11; // EWOULDBLOCK, which .NET reports for a file that another open handle locks

    /// <summary>Opens a file, which is made when it is missing, and locks it until it is disposed.</summary>
    /// <returns>Null when somebody else holds it.</returns>
    /// <exception cref="IOException">It can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static FileStream? TryAcquire(string path)
    {
        try
        {
            // Read access suffices for the lock, so that root and the agent's user can share a file that either made.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.None, bufferSize: 0);
        }
        catch (IOException held) when (held.HResult is WouldBlock)
        {
            return null;
        }
    }
}
