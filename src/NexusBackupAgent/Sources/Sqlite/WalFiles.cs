using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>The three files of a database in WAL mode, open for reading.</summary>
internal sealed record WalFiles(SafeFileHandle Database, SafeFileHandle Wal, SafeFileHandle Shm) : IDisposable
{
    public static WalFiles Open(SqliteFile file)
    {
        var opened = new List<SafeFileHandle>();
        try
        {
            foreach (var path in (string[])[file.Path, file.WalPath, file.ShmPath])
                opened.Add(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            return new WalFiles(opened[0], opened[1], opened[2]);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            opened.ForEach(handle => handle.Dispose());
            throw IoFailure.Translate(failure, $"read the WAL of database '{file.Path}'", Path.GetDirectoryName(file.Path)!);
        }
    }

    public void Dispose()
    {
        Database.Dispose();
        Wal.Dispose();
        Shm.Dispose();
    }
}
