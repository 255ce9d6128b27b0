using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Storage;
using SQLitePCL;

namespace NexusBackupAgent.Runs;

/// <summary>
/// The journal's SQLite file, <c>journal.db</c> in the state directory, shared by the agent and the command line.
/// One connection, one statement at a time.
/// </summary>
internal sealed class JournalDatabase : IDisposable
{
    private const int Version = 2;

    private const string Schema = """
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY, source TEXT NOT NULL, schedule TEXT NOT NULL, type TEXT NOT NULL, started_at INTEGER NOT NULL,
            ended_at INTEGER, result TEXT, failure TEXT, message TEXT, hint TEXT, backup_id TEXT, stored_bytes INTEGER, content_bytes INTEGER);
        CREATE INDEX runs_by_source ON runs (source, schedule, started_at);
        CREATE INDEX runs_by_start ON runs (started_at);
        CREATE INDEX runs_open ON runs (source) WHERE result IS NULL;
        CREATE TABLE attempts (
            run_id INTEGER NOT NULL, attempt INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
            failure TEXT, message TEXT, hint TEXT, PRIMARY KEY (run_id, attempt)) WITHOUT ROWID;
        CREATE TABLE sources (
            name TEXT PRIMARY KEY, added_at INTEGER NOT NULL, last_run_at INTEGER, last_run_success INTEGER NOT NULL DEFAULT 0,
            consecutive_failures INTEGER NOT NULL DEFAULT 0, run_started_at INTEGER,
            capture_seconds REAL NOT NULL DEFAULT 0, verify_seconds REAL NOT NULL DEFAULT 0, prune_seconds REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
        CREATE TABLE run_counts (
            source TEXT NOT NULL, schedule TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (source, schedule, result)) WITHOUT ROWID;
        CREATE TABLE verification_counts (
            source TEXT NOT NULL, "check" TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (source, "check", result)) WITHOUT ROWID;
        CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
        """;

    /// <summary>What version 2 added.</summary>
    private const string Operations = """
        CREATE TABLE operations (
            id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
            backup_id TEXT, detail TEXT NOT NULL, failure TEXT, message TEXT, hint TEXT);
        CREATE INDEX operations_by_kind ON operations (kind, source);
        CREATE INDEX operations_by_source ON operations (source, started_at);
        CREATE INDEX operations_by_start ON operations (started_at);
        CREATE INDEX operations_open ON operations (source, kind) WHERE ended_at IS NULL;
        CREATE TABLE operation_counts (
            source TEXT NOT NULL, kind TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (source, kind, result)) WITHOUT ROWID;
        CREATE TABLE schedules (
            source TEXT NOT NULL, schedule TEXT NOT NULL, cron TEXT NOT NULL, retention TEXT NOT NULL, added_at INTEGER NOT NULL,
            PRIMARY KEY (source, schedule)) WITHOUT ROWID;
        """;

    private readonly Lock gate = new();
    private readonly string path;
    private readonly SqliteConnection connection;

    private readonly BackupException? refusal;

    private JournalDatabase(string path, SqliteConnection connection, BackupException? refusal = null)
    {
        this.path = path;
        this.connection = connection;
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
        return new JournalDatabase(file, InMemory(file) ?? InMemory(file: null)!, refusal);
    }

    /// <summary>Runs <paramref name="work"/> in one transaction that has the right to write from its start.</summary>
    public T Transact<T>(Func<SqliteTransaction, T> work) => refusal is null ? Run(work, deferred: false) : throw refusal;

    /// <summary>Runs <paramref name="work"/>, which only reads, beside whoever writes.</summary>
    public T Read<T>(Func<SqliteTransaction, T> work) => Run(work, deferred: true);

    /// <summary>Runs one statement and returns how many rows it changed.</summary>
    public static int Execute(SqliteTransaction transaction, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Command(transaction, sql, parameters);
        return command.ExecuteNonQuery();
    }

    /// <summary>Runs one query and maps each row.</summary>
    public static List<T> Query<T>(SqliteTransaction transaction, string sql, Func<SqliteDataReader, T> map, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Command(transaction, sql, parameters);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(map(reader));
        return rows;
    }

    /// <summary>How the journal writes an instant.</summary>
    public static long Milliseconds(DateTimeOffset instant) => instant.ToUnixTimeMilliseconds();

    /// <returns>UTC; null where nothing was written.</returns>
    public static DateTimeOffset? Instant(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    public void Dispose() => connection.Dispose();

    private T Run<T>(Func<SqliteTransaction, T> work, bool deferred)
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
                End(transaction);
            }
        }
    }

    /// <summary>
    /// Rolls back what was not committed. On a full disk SQLite has done so itself; the library then fails to roll back, here
    /// and whenever the connection is used again, unless it finds a transaction to end.
    /// </summary>
    private void End(SqliteTransaction? transaction)
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
                Run(memory, $"{Schema} {Operations} PRAGMA user_version = {Version}");
                return memory;
            }

            using var there = PrivateCopy.Open(file);
            there.BackupDatabase(memory);
            RequireSound(memory);
            if (Convert.ToInt32(Scalar(memory, transaction: null, "PRAGMA user_version")) == Version)
                return memory;
        }
        catch (SqliteException) when (file is not null)
        {
            // Then nothing is known of the past.
        }

        memory.Dispose();
        return null;
    }

    private static SqliteCommand Command(SqliteTransaction transaction, string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }

    private static JournalDatabase Connect(string path)
    {
        MakeFile(path);
        var opened = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 10 }.ToString());
        try
        {
            opened.Open();
            Run(opened, "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
            RequireSound(opened);
            using var begin = opened.BeginTransaction(deferred: false);
            var version = Convert.ToInt32(Scalar(opened, begin, "PRAGMA user_version"));
            if (version > Version)
                throw new BackupException(FailureKind.Configuration, $"the run journal '{path}' was written by a newer agent", "update this agent, or give it another state directory");
            if (version < Version)
                Execute(begin, $"{(version == 0 ? Schema : "")} {Operations} PRAGMA user_version = {Version}");
            begin.Commit();
            return new JournalDatabase(path, opened);
        }
        catch
        {
            opened.Dispose();
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

    private static BackupException Translate(SqliteException failure, string path) => new(
        FailureKind.Journal,
        $"cannot use the run journal '{path}': {SqliteFailure.Reason(failure)}",
        $"check owner, mode and free space of its directory (ls -la '{Path.GetDirectoryName(path)}'; df -h '{Path.GetDirectoryName(path)}'). {StateAccess.Mend(Path.GetDirectoryName(path)!)}",
        failure);
}
