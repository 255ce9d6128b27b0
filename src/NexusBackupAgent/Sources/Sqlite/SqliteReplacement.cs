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

    /// <summary>
    /// Rolls back a hot journal, or moves the whole WAL into the database file, as the last program that closes it does. Root
    /// does it with the rights of whom the database belongs to: a journal may name any file, which SQLite then deletes.
    /// </summary>
    /// <exception cref="BackupException">The database is damaged, in use, or can't be written; or what lies beside it is not of its owner.</exception>
    public static void Settle(string path)
    {
        SqliteLibrary.Initialize();
        if (!SystemUser.Current.IsRoot || FileStatus.OfNoLink(path) is not { } database || !IsAnothers(path))
        {
            SettleAsIs(path);
            return;
        }

        if (database.User == 0)
            throw NotBroughtIn(path, "the database belongs to root, and its directory or what lies there to somebody else");
        try
        {
            ActingUser.As(database.User, database.Group, () =>
            {
                SettleAsIs(path);
                return true;
            });
        }
        catch (BackupException refused) when (refused.Kind == FailureKind.Permission)
        {
            throw NotBroughtIn(path, $"its owner, {new SystemUser(database.User).Name}, may not write it there");
        }
        catch (UnauthorizedAccessException refused)
        {
            throw NotBroughtIn(path, refused.Message);
        }
    }

    /// <summary>Whether anybody but root owns the database, what lies beside it, or the directory.</summary>
    private static bool IsAnothers(string path) =>
        SqliteFiles.Beside.Select(ending => path + ending).Append(path).Append(Path.GetDirectoryName(path)!).Any(file => FileStatus.OfNoLink(file) is { User: not 0 });

    private static BackupException NotBroughtIn(string path, string why) =>
        new(FailureKind.SourceInvalid, $"what lies beside '{path}' was not brought into it: {why}", $"look whose the files are: ls -la '{Path.GetDirectoryName(path)}'");

    private static void SettleAsIs(string path)
    {
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 1 }.ToString());
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "SELECT count(*) FROM sqlite_master; PRAGMA wal_checkpoint(TRUNCATE)";
            var isBusy = SqliteError.Insist(connection, () =>
            {
                using var reader = command.ExecuteReader();
                return reader.NextResult() && reader.Read() && reader.GetInt64(0) != 0;
            });
            if (isBusy)
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
            SafeFile.Delete(copy + ending);
    }

    /// <summary>Copies one file, flushes the copy, and reads both again: what replaces the original must not be less.</summary>
    private static void Copy(string path, string copy, CancellationToken cancellationToken)
    {
        SafeFile.Delete(copy);
        using var from = SafeFile.Open(path, FileAccess.Read);
        using var to = SafeFile.Create(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (SystemUser.Current.IsRoot && FileStatus.Of(from) is { } original)
            SafeFile.Give(to, new FileOwner(original.User, original.Group, UnixFileMode.UserRead | UnixFileMode.UserWrite));
        FileCopy.Copy(from, to, cancellationToken);
        DurableDirectory.Flush(to);
        if (!FileCopy.AreEqual(from, to, cancellationToken))
            throw new BackupException(FailureKind.Io, $"the copy '{copy}' is not the same as '{path}'", "find out whether somebody writes there, or check the disk (dmesg | tail), then run the command again");
    }
}
