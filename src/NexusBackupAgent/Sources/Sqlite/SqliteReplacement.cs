using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Files;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>What has to be done to a database that nobody has open, before another takes its place.</summary>
internal static class SqliteReplacement
{
    // Both hold committed state that the database file alone lacks; -shm is only an index of -wal.
    private static readonly string[] Holding = ["-wal", "-journal"];

    /// <summary>
    /// Copies the database as it lies with its WAL or hot journal, and lets SQLite merge them in the copy: what that makes is
    /// known before the original is touched. If it is not sound, nobody can tell whether the database was damaged before or
    /// the WAL belongs to another one, so the copy is made again, of both as they lie.
    /// </summary>
    public static SavedCopy Save(string path, string copy, CancellationToken cancellationToken)
    {
        try
        {
            Copy(path, copy, cancellationToken);
            var holding = Array.FindAll(Holding, ending => new FileInfo(path + ending) is { Exists: true, Length: > 0 });
            if (holding.Length == 0)
                return SavedCopy.Alone;
            CopyBeside(holding, path, copy, cancellationToken);
            var settled = TrySettle(copy) ? FileDigest.Of(copy, cancellationToken) : null;
            var isSound = settled is not null && SqliteIntegrity.Check(copy, cancellationToken).Finding is null;
            DeleteCompanions(copy);
            if (isSound)
                return new SavedCopy(settled, []);

            Copy(path, copy, cancellationToken); // merging may have changed it
            if (settled is null)
                return SavedCopy.Alone;
            CopyBeside(holding, path, copy, cancellationToken);
            return new SavedCopy(settled, holding);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"copy '{path}' to '{copy}'", Path.GetDirectoryName(copy)!);
        }
    }

    /// <summary>Rolls back a hot journal, or moves the whole WAL into the database file, as the last program that closes it does.</summary>
    /// <exception cref="BackupException">The database is damaged, in use, or can't be written.</exception>
    public static void Settle(string path)
    {
        SqliteLibrary.Initialize();
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 1 }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM sqlite_master; PRAGMA wal_checkpoint(TRUNCATE)";
            using var reader = command.ExecuteReader();
            if (reader.NextResult() && reader.Read() && reader.GetInt64(0) != 0)
                throw new BackupException(FailureKind.SourceBusy, $"database '{path}' is in use: its WAL can't be merged into it", $"find the process that holds it (fuser -v '{path}') and stop it");
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, path);
        }
    }

    /// <returns>False when SQLite refuses: nothing can read the two together, or the WAL is of a database much larger than this file.</returns>
    private static bool TrySettle(string copy)
    {
        try
        {
            Settle(copy);
            return true;
        }
        catch (BackupException damage) when (damage.Kind is FailureKind.SourceCorrupt or FailureKind.SourceInvalid)
        {
            return false;
        }
    }

    private static void CopyBeside(string[] holding, string path, string copy, CancellationToken cancellationToken)
    {
        foreach (var ending in holding)
            Copy(path + ending, copy + ending, cancellationToken);
    }

    private static void DeleteCompanions(string copy)
    {
        foreach (var ending in SqliteFiles.Beside)
            File.Delete(copy + ending);
    }

    private static void Copy(string path, string copy, CancellationToken cancellationToken)
    {
        using var from = RegularFile.OpenRead(path);
        using var to = new FileStream(copy, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        FileCopy.Copy(from, to.SafeFileHandle, cancellationToken);
        to.Flush(flushToDisk: true);
    }
}
