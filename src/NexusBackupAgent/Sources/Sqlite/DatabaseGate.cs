using System.Collections.Concurrent;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Lets one reader at a time into a database within this process. POSIX locks belong to the process: when it closes any
/// handle of a file, all its locks on that file are gone. Two sources that name one database, by whatever path,
/// would so take away the locks that keep each other's snapshot still.
/// </summary>
internal sealed class DatabaseGate : IDisposable
{
    private static readonly ConcurrentDictionary<string, SemaphoreSlim> Gates = new(StringComparer.Ordinal);

    private readonly SemaphoreSlim gate;

    private DatabaseGate(SemaphoreSlim gate) => this.gate = gate;

    /// <summary>Waits until no other reader is in. Entered before the file is first opened.</summary>
    public static async Task<DatabaseGate> EnterAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            var file = FileIdentity.Of(path);
            var own = Gates.GetOrAdd(file, _ => new SemaphoreSlim(1));
            await own.WaitAsync(cancellationToken);
            if (FileIdentity.Of(path) == file)
                return new DatabaseGate(own);
            own.Release(); // replaced while we waited: another file, another gate
        }
    }

    public void Dispose() => gate.Release();
}
