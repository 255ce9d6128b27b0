using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>What has to be done to a database that nobody has open, before another takes its place.</summary>
internal static class SqliteReplacement
{
    // Both hold committed state that the database file alone lacks; -shm is only an index of -wal.
    private static readonly string[] Holding = ["-wal", "-journal"];

    private static readonly string[] Left = ["-wal", "-shm", "-journal"];

    /// <summary>
    /// Copies the database as it lies with its WAL or hot journal, and lets SQLite merge them in the copy: if they do not
    /// belong together, the original is still as it was.
    /// </summary>
    /// <returns>Whether the WAL or journal held something that was merged. False: the copy is of the database file alone,
    /// because nothing beside it holds anything, or because with that it makes no sound database.</returns>
    public static bool Save(string path, string copy, CancellationToken cancellationToken)
    {
        try
        {
            Copy(path, copy, cancellationToken);
            var holding = Array.FindAll(Holding, ending => new FileInfo(path + ending) is { Exists: true, Length: > 0 });
            foreach (var ending in holding)
                Copy(path + ending, copy + ending, cancellationToken);
            if (holding.Length == 0)
                return false;
            var isMerged = IsMerged(copy, cancellationToken);
            DeleteCompanions(copy);
            if (!isMerged)
                Copy(path, copy, cancellationToken); // merging may have changed it
            return isMerged;
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

    private static bool IsMerged(string copy, CancellationToken cancellationToken)
    {
        try
        {
            Settle(copy);
            return SqliteIntegrity.Check(copy, cancellationToken) is null;
        }
        catch (BackupException damage) when (damage.Kind is FailureKind.SourceCorrupt or FailureKind.SourceInvalid)
        {
            return false;
        }
    }

    private static void DeleteCompanions(string copy)
    {
        foreach (var ending in Left)
            File.Delete(copy + ending);
    }

    private static void Copy(string path, string copy, CancellationToken cancellationToken)
    {
        using var from = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        using var to = new FileStream(copy, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        FileCopy.Copy(from, to.SafeFileHandle, cancellationToken);
        to.Flush(flushToDisk: true);
    }
}
