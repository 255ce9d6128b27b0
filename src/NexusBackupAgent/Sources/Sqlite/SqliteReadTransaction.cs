using System.Collections.Concurrent;
using System.Data;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Platform;
using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// A connection that can hold a read transaction on somebody else's live database in WAL mode. It can't write: so it merges
/// no WAL and deletes none, also when it closes as the last one. In the shared <c>-shm</c> it sets its read mark.
/// </summary>
internal sealed class SqliteReadTransaction : IDisposable
{
    private readonly string path;
    private readonly SqliteConnection connection;
    private readonly TimeProvider timeProvider;

    private SqliteReadTransaction(string path, SqliteConnection connection, TimeProvider timeProvider)
    {
        this.path = path;
        this.connection = connection;
        this.timeProvider = timeProvider;
    }

    /// <summary>Opens the database without touching it.</summary>
    public static SqliteReadTransaction Open(string path, TimeProvider timeProvider)
    {
        SqliteLibrary.Initialize();
        try
        {
            return new SqliteReadTransaction(path, OpenConnection(path), timeProvider);
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, path);
        }
    }

    /// <summary>Starts the transaction: from here on this connection sees one state.</summary>
    /// <param name="busyTimeout">How long a locked database is waited for.</param>
    public async Task BeginAsync(TimeSpan busyTimeout, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        while (true)
        {
            try
            {
                TryBegin();
                return;
            }
            catch (SqliteException failure)
            {
                End();
                if (!SqliteError.IsBusy(failure))
                    throw SqliteFailure.Translate(failure, path);
                if (timeProvider.GetElapsedTime(started) >= busyTimeout)
                    throw SqliteFailure.StayedLocked(path, busyTimeout, failure);
            }

            await Task.Delay(OpenDatabase.BusyPause, timeProvider, cancellationToken);
        }
    }

    /// <summary>Ends the transaction if there is one.</summary>
    public void End()
    {
        if (raw.sqlite3_get_autocommit(connection.Handle) == 0)
            raw.sqlite3_exec(connection.Handle, "ROLLBACK");
    }

    /// <summary>Ends the transaction and closes the database; again does nothing.</summary>
    public void Dispose()
    {
        if (connection.State != ConnectionState.Open)
            return;
        End();
        connection.Dispose();
    }

    /// <summary>One attempt, as short as it can be: nothing but the lock and one page.</summary>
    /// <exception cref="SqliteException">Busy, or worse.</exception>
    public void TryBegin()
    {
        Check(raw.sqlite3_exec(connection.Handle, "BEGIN"));
        Check(raw.sqlite3_exec(connection.Handle, "SELECT 1 FROM sqlite_master LIMIT 1"));
    }

    private static SqliteConnection OpenConnection(string path)
    {
        var opened = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        opened.Open();
        raw.sqlite3_busy_timeout(opened.Handle, 0);
        return opened;
    }

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
            SqliteException.ThrowExceptionForRC(result, connection.Handle);
    }
}

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
