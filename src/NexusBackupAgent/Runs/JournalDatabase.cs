using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Storage;
using SQLitePCL;

namespace NexusBackupAgent.Runs;

/// <summary>
/// The journal's SQLite file, <c>journal.db</c> in the state directory, shared by the agent and the command line.
/// One connection writes and another one reads, each one statement at a time: who reads, as a scrape does, never waits for a
/// disk that is flushing what another thread wrote.
/// </summary>
internal sealed class JournalDatabase : IDisposable
{
    /// <summary>Bytes; with less, SQLite has no room for the files beside a journal (32 KiB and up).</summary>
    private const long SmallestRoom = 128 * 1024;

    private readonly Lock writing = new();
    private readonly Lock reading = new();
    private readonly string path;
    private readonly SqliteConnection writer;
    private readonly SqliteConnection reader;

    private readonly BackupException? refusal;

    private JournalDatabase(string path, SqliteConnection writer, SqliteConnection reader, BackupException? refusal = null)
    {
        this.path = path;
        this.writer = writer;
        this.reader = reader;
        this.refusal = refusal;
    }

    /// <param name="stateDirectory">Made when missing.</param>
    /// <param name="now">Names a damaged journal that is set aside.</param>
    /// <param name="setAside">The name that a damaged journal was given, or null: it holds no backup, so a new one is begun.</param>
    public static JournalDatabase Open(string stateDirectory, DateTimeOffset now, out string? setAside)
    {
        SqliteLibrary.Initialize();
        var file = Path.Combine(stateDirectory, "journal.db");
        setAside = null;
        try
        {
            FileOwner.MakeDirectory(stateDirectory);
            try
            {
                return Connect(file);
            }
            catch (SqliteException damage) when (SqliteFailure.IsDamage(damage))
            {
                setAside = $"{file}.bad-{now:yyyyMMddHHmmss}";
                foreach (var suffix in (string[])["", "-wal", "-shm"])
                {
                    if (File.Exists(file + suffix))
                        File.Move(file + suffix, setAside + suffix);
                }

                return Connect(file);
            }
        }
        catch (SqliteException failure)
        {
            throw Translate(failure, file);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw StateAccess.Translate(failure, $"open the run journal '{file}'", stateDirectory);
        }
    }

    /// <summary>
    /// Stands in for a journal that can't be opened, so that a full or read-only disk keeps nobody from restoring and
    /// looking: reads what the file holds, as far as that can be had, and refuses every write.
    /// </summary>
    /// <param name="refusal">Why it can't be opened; thrown by whoever writes.</param>
    public static JournalDatabase StandIn(string stateDirectory, BackupException refusal)
    {
        var file = Path.Combine(stateDirectory, "journal.db");
        var copy = InMemory(file) ?? InMemory(file: null)!;
        return new JournalDatabase(file, copy, copy, refusal);
    }

    /// <summary>Runs <paramref name="work"/> in one transaction that has the right to write from its start.</summary>
    public T Transact<T>(Func<SqliteTransaction, T> work) => refusal is null ? Run(writer, writing, work, deferred: false) : throw refusal;

    /// <summary>Runs <paramref name="work"/>, which only reads, beside whoever writes.</summary>
    public T Read<T>(Func<SqliteTransaction, T> work) => Run(reader, reading, work, deferred: true);

    public void Dispose()
    {
        reader.Dispose();
        writer.Dispose(); // last, so that it tidies up the -wal file
    }

    private T Run<T>(SqliteConnection connection, Lock gate, Func<SqliteTransaction, T> work, bool deferred)
    {
        lock (gate)
        {
            SqliteTransaction? transaction = null;
            try
            {
                transaction = connection.BeginTransaction(deferred);
                var result = work(transaction);
                transaction.Commit();
                return result;
            }
            catch (SqliteException failure)
            {
                throw Translate(failure, path);
            }
            finally
            {
                End(connection, transaction);
            }
        }
    }

    /// <summary>
    /// Rolls back what was not committed. On a full disk SQLite has done so itself; the library then fails to roll back, here
    /// and whenever the connection is used again, unless it finds a transaction to end.
    /// </summary>
    private static void End(SqliteConnection connection, SqliteTransaction? transaction)
    {
        if (transaction?.Connection is not null && raw.sqlite3_get_autocommit(connection.Handle) != 0)
            raw.sqlite3_exec(connection.Handle, "BEGIN");
        transaction?.Dispose();
    }

    /// <param name="file">Copied, without what its -wal holds; null: an empty journal.</param>
    /// <returns>Null when the file is missing or of no use.</returns>
    private static SqliteConnection? InMemory(string? file)
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
            if (Convert.ToInt32(Scalar(memory, transaction: null, "PRAGMA user_version")) == JournalSchema.Version)
                return memory;
        }
        catch (SqliteException) when (file is not null)
        {
            // Then nothing is known of the past.
        }

        memory.Dispose();
        return null;
    }

    private static JournalDatabase Connect(string path)
    {
        MakeFile(path);
        var text = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 10 }.ToString();
        var (writer, reader) = (new SqliteConnection(text), new SqliteConnection(text));
        SqliteTransaction? begin = null;
        try
        {
            writer.Open();
            Run(writer, "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
            RequireSound(writer);
            begin = writer.BeginTransaction(deferred: false);
            var version = Convert.ToInt32(Scalar(writer, begin, "PRAGMA user_version"));
            if (version > JournalSchema.Version)
                throw new BackupException(FailureKind.Configuration, $"the run journal '{path}' was written by a newer agent", "update this agent, or give it another state directory");
            if (version < JournalSchema.Version)
                JournalSql.Execute(begin, JournalSchema.From(version));
            begin.Commit();
            reader.Open();
            Run(reader, "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON");
            return new JournalDatabase(path, writer, reader);
        }
        catch
        {
            End(writer, begin);
            reader.Dispose();
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Makes the file when it is missing, for whom its directory belongs to; SQLite gives the files beside it the owner of this one.</summary>
    private static void MakeFile(string path)
    {
        if (File.Exists(path))
            return;
        try
        {
            new FileStream(path, FileMode.CreateNew, FileAccess.Write).Dispose();
            FileOwner.Inherit(path);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another process was faster.
        }
    }

    /// <summary>Damage that shows only later would fail every run; the journal is small enough to be looked through.</summary>
    /// <exception cref="SqliteException">It is damaged.</exception>
    private static void RequireSound(SqliteConnection connection)
    {
        if (Scalar(connection, transaction: null, "PRAGMA quick_check(1)") is string finding and not "ok")
            throw new SqliteException(finding, SqliteFailure.Corrupt);
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

    private static BackupException Translate(SqliteException failure, string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        var isFull = IsFull(failure, directory);
        var hint = isFull ? $"free space there (df -h '{directory}')" : $"check owner, mode and free space of its directory (ls -la '{directory}'; df -h '{directory}'). {StateAccess.Mend(directory)}";
        return new BackupException(
            isFull ? FailureKind.StateFull : FailureKind.Journal, $"cannot use the run journal '{path}': {(isFull ? "its disk is full" : SqliteFailure.Reason(failure))}", hint, failure);
    }

    /// <summary>Where there is no room for the <c>-shm</c> file, SQLite speaks of an I/O error.</summary>
    private static bool IsFull(SqliteException failure, string directory)
    {
        try
        {
            return failure.SqliteErrorCode == SqliteFailure.Full
                || (failure.SqliteErrorCode is SqliteFailure.IoError or SqliteFailure.CannotOpen && new DriveInfo(directory).AvailableFreeSpace < SmallestRoom);
        }
        catch (Exception unasked) when (IoFailure.IsKnown(unasked))
        {
            return false;
        }
    }
}
