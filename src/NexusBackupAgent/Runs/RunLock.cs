using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runs;

/// <summary>
/// One run per source at a time, across processes. An advisory lock (flock) on a file that stays:
/// the kernel drops it when its process dies, however it dies.
/// </summary>
internal sealed class RunLock : IDisposable
{
    private readonly FileStream file;

    private RunLock(FileStream file) => this.file = file;

    /// <returns>Null when somebody else holds it.</returns>
    public static RunLock? TryAcquire(string stateDirectory, string source)
    {
        var path = Path.Combine(stateDirectory, "locks", source + ".lock");
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            // Read access suffices for the lock, so that root and the agent's user can share a file that either made.
            return new RunLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.None, bufferSize: 0));
        }
        catch (IOException held) when (IsHeld(held))
        {
            return null;
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"lock source '{source}' with '{path}'", stateDirectory);
        }
    }

    public void Dispose() => file.Dispose();

    // EWOULDBLOCK, which .NET reports for a file that another open handle locks.
    private static bool IsHeld(IOException failure) => failure.HResult is 11;
}
