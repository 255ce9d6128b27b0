using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Journal;

/// <summary>Opens the journal's SQLite file: for whom it is made, whether it is sound, its tables.</summary>
internal static class JournalFile
{
    private const UnixFileMode NewFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite; // SQLite gives the files beside it the same

    /// <summary>An open journal that is in no file.</summary>
    /// <param name="file">Copied, without what its -wal holds; null: an empty journal.</param>
    /// <returns>Null when the file is missing or of no use.</returns>
    public static SqliteConnection? InMemory(string? file)
    {
        SqliteLibrary.Initialize();
        var memory = new SqliteConnection("Data Source=:memory:;Pooling=False");
        try
        {
            memory.Open();
            if (file is null)
            {
                Run(memory, JournalSchema.From(0));
                return memory;
            }

            using var there = PrivateCopy.Open(file);
            there.BackupDatabase(memory);
            RequireSound(memory);
            var version = Convert.ToInt32(Scalar(memory, transaction: null, "PRAGMA user_version"));
            if (version < JournalSchema.Version)
                Run(memory, JournalSchema.From(version));
            if (version <= JournalSchema.Version)
                return memory;
        }
        catch (SqliteException) when (file is not null)
        {
            // Then nothing is known of the past.
        }

        memory.Dispose();
        return null;
    }

    /// <summary>Opens the file, which <see cref="Make"/> made, and brings its tables to this version.</summary>
    /// <returns>One that writes, and one that can only read.</returns>
    /// <exception cref="SqliteException">It can't be used, or is damaged.</exception>
    /// <exception cref="BackupException">A newer agent wrote it.</exception>
    public static (SqliteConnection Writer, SqliteConnection Reader) Connect(string path)
    {
        var text = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 10 }.ToString();
        var (writer, reader) = (new SqliteConnection(text), new SqliteConnection(text));
        try
        {
            writer.Open();
            SqliteError.Insist(writer, () =>
            {
                Run(writer, "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
                RequireSound(writer);
                BringUpToDate(writer, path);
                return true;
            });
            reader.Open();
            Run(reader, "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON");
            return (writer, reader);
        }
        catch
        {
            reader.Dispose();
            writer.Dispose();
            throw;
        }
    }

    private static void BringUpToDate(SqliteConnection writer, string path)
    {
        using var begin = writer.BeginTransaction(deferred: false);
        var version = Convert.ToInt32(Scalar(writer, begin, "PRAGMA user_version"));
        if (version > JournalSchema.Version)
            throw new BackupException(FailureKind.Configuration, $"the run journal '{path}' was written by a newer agent", "update this agent, or give it another state directory");
        if (version < JournalSchema.Version)
            JournalSql.Execute(begin, JournalSchema.From(version));
        begin.Commit();
    }

    /// <summary>Makes the file when it is missing, for whom its directory belongs to; SQLite gives the files beside it the owner of this one.</summary>
    public static void Make(string path)
    {
        if (FileStatus.OfNoLink(path) is { IsRegular: true })
            return;
        try
        {
            SafeFile.Create(path, NewFileMode, inherit: true).Dispose();
        }
        catch (IOException taken) when (taken.HResult == Errno.Exists)
        {
            SafeFile.Open(path, FileAccess.Read).Dispose(); // another process was faster, or it is a link, and refused
        }
    }

    /// <summary>Damage that shows only later would fail every run; the journal is small enough to be looked through.</summary>
    /// <exception cref="SqliteException">It is damaged.</exception>
    private static void RequireSound(SqliteConnection connection)
    {
        if (Scalar(connection, transaction: null, "PRAGMA quick_check(1)") is string finding and not "ok")
            throw new SqliteException(finding, SqliteError.Corrupt);
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, SqliteTransaction? transaction, string sql)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
