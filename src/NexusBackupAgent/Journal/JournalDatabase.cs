using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Journal;

/// <summary>
/// The journal's SQLite file, <c>journal.db</c> in the state directory, shared by the agent and the command line.
/// One connection writes and another one reads, each one statement at a time: who reads, as a scrape does, never waits for a
/// disk that is flushing what another thread wrote.
/// </summary>
internal sealed class JournalDatabase : IDisposable
{
    /// <summary>Bytes; with less, SQLite has no room for the files beside a journal (32 KiB and up).</summary>
    private const long SmallestRoom = 128 * 1024;

    /// <summary>For whoever is in it when it is closed.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly Lock writing = new();
    private readonly Lock reading = new();
    private readonly string path;
    private readonly SqliteConnection writer;
    private readonly SqliteConnection reader;

    private readonly BackupException? refusal;

    // In somebody's state directory root works with that user's rights: SQLite opens, makes and removes files there by path.
    private readonly (uint User, uint Group)? stranger;

    private JournalDatabase(string path, (SqliteConnection Writer, SqliteConnection Reader) connections, (uint User, uint Group)? stranger, BackupException? refusal = null)
    {
        this.stranger = stranger;
        this.path = path;
        (writer, reader) = connections;
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
            var owner = SafeFile.StrangerAround(file);
            try
            {
                return ConnectTwice(file, owner);
            }
            catch (SqliteException damage) when (SqliteError.IsDamage(damage))
            {
                setAside = $"{file}.bad-{now:yyyyMMddHHmmss}";
                foreach (var suffix in (string[])["", "-wal", "-shm"])
                {
                    if (File.Exists(file + suffix))
                        SafeFile.Move(file + suffix, setAside + suffix);
                }

                return Connect(file, owner);
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
        var copy = JournalFile.InMemory(file) ?? JournalFile.InMemory(file: null)!;
        return new JournalDatabase(file, (copy, copy), stranger: null, refusal);
    }

    /// <summary>Runs <paramref name="work"/> in one transaction that has the right to write from its start.</summary>
    public T Transact<T>(Func<SqliteTransaction, T> work) => refusal is null ? Run(writer, writing, work, deferred: false) : throw refusal;

    /// <summary>Runs <paramref name="work"/>, which only reads, beside whoever writes.</summary>
    public T Read<T>(Func<SqliteTransaction, T> work) => Run(reader, reading, work, deferred: true);

    /// <summary>
    /// Waits for whoever is in it: a command that was stopped leaves work behind, and a connection that is closed below it breaks both.
    /// Work that hangs keeps its connection until the process ends.
    /// </summary>
    public void Dispose() => ActingUser.As(stranger, () => Close(reader, reading) & Close(writer, writing)); // the writer last, so that it tidies up the -wal file

    private static bool Close(SqliteConnection connection, Lock use)
    {
        if (!use.TryEnter(LongestWait))
            return false;
        try
        {
            connection.Dispose();
            return true;
        }
        finally
        {
            use.Exit();
        }
    }

    /// <summary>One reading is no proof of damage: SQLite takes a read that fails for it.</summary>
    private static JournalDatabase ConnectTwice(string file, (uint User, uint Group)? stranger)
    {
        try
        {
            return Connect(file, stranger);
        }
        catch (SqliteException damage) when (SqliteError.IsDamage(damage))
        {
            return Connect(file, stranger);
        }
    }

    private static JournalDatabase Connect(string file, (uint User, uint Group)? stranger)
    {
        JournalFile.Make(file);
        return new JournalDatabase(file, ActingUser.As(stranger, () => JournalFile.Connect(file)), stranger);
    }

    private T Run<T>(SqliteConnection connection, Lock gate, Func<SqliteTransaction, T> work, bool deferred)
    {
        lock (gate)
        {
            try
            {
                return ActingUser.As(stranger, () => SqliteError.Insist(connection, () =>
                {
                    using var transaction = connection.BeginTransaction(deferred);
                    var result = work(transaction);
                    transaction.Commit();
                    return result;
                }));
            }
            catch (SqliteException failure)
            {
                throw Translate(failure, path);
            }
        }
    }

    private static BackupException Translate(SqliteException failure, string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        var isFull = IsFull(failure, directory);
        var hint = isFull ? $"free space there (df -h '{directory}')" : $"check owner, mode and free space of its directory (ls -la '{directory}'; df -h '{directory}'). {StateAccess.Mend(directory)}";
        return new BackupException(
            isFull ? FailureKind.StateFull : FailureKind.Journal, $"cannot use the run journal '{path}': {(isFull ? "its disk is full" : SqliteError.Reason(failure))}", hint, failure);
    }

    /// <summary>Where there is no room for the <c>-shm</c> file, SQLite speaks of an I/O error.</summary>
    private static bool IsFull(SqliteException failure, string directory)
    {
        try
        {
            return failure.SqliteErrorCode == SqliteError.Full
                || (failure.SqliteErrorCode is SqliteError.IoError or SqliteError.CannotOpen && new DriveInfo(directory).AvailableFreeSpace < SmallestRoom);
        }
        catch (Exception unasked) when (IoFailure.IsKnown(unasked))
        {
            return false;
        }
    }
}

/// <summary>One statement to the journal, and how its columns tell instants and failures.</summary>
internal static class JournalSql
{
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

    /// <summary>The failure that three columns tell: its kind, its message, its hint.</summary>
    /// <param name="column">The first of them.</param>
    /// <returns>Null where none was written.</returns>
    public static RunFailure? Failure(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : new RunFailure(Enum.Parse<FailureKind>(row.GetString(column)), row.GetString(column + 1), row.GetString(column + 2));

    private static SqliteCommand Command(SqliteTransaction transaction, string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}
