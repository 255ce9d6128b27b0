using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace NexusBackupAgent.Platform;

/// <summary>The SQLite library that the agent brings with it.</summary>
internal static class SqliteLibrary
{
    private static readonly Lazy<string> Loaded = new(Load);

    /// <summary>Loads the library once for the process; every user of SQLite calls this first.</summary>
    /// <returns>The version in use, <c>3.53.1</c>.</returns>
    public static string Initialize() => Loaded.Value;

    private static string Load()
    {
        Batteries_V2.Init();
        return raw.sqlite3_libversion().utf8_to_string();
    }
}

/// <summary>Opens a database file that nobody else uses.</summary>
internal static class PrivateCopy
{
    // As of SQLite's C interface.
    private const int QuotedTextInQueries = 1013;

    /// <summary>Immutable: SQLite needs no locks, writes nothing, and leaves no <c>-wal</c> or <c>-shm</c> beside it.</summary>
    public static SqliteConnection Open(string path)
    {
        SqliteLibrary.Initialize();
        var connection = new SqliteConnection($"Data Source=file:{Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal)}?immutable=1;Mode=ReadOnly;Pooling=False");
        try
        {
            connection.Open();
            _ = raw.sqlite3_db_config(connection.Handle, QuotedTextInQueries, 1, out _); // most applications' SQLite takes "text" for 'text'
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}

/// <summary>SQLite's primary result codes that the agent tells apart, and their words.</summary>
internal static class SqliteError
{
    public const int Perm = 3;
    public const int Busy = 5;
    public const int Locked = 6;
    public const int ReadOnly = 8;
    public const int Interrupt = 9;
    public const int IoError = 10;
    public const int Corrupt = 11;
    public const int Full = 13;
    public const int CannotOpen = 14;
    public const int Protocol = 15;
    public const int NotADatabase = 26;

    public static bool IsBusy(SqliteException exception) => exception.SqliteErrorCode is Busy or Locked or Protocol;

    /// <summary>Whether the content itself is damaged, as opposed to out of reach.</summary>
    public static bool IsDamage(SqliteException exception) => exception.SqliteErrorCode is Corrupt or NotADatabase;

    /// <summary>SQLite's words for the code: <c>database is locked</c>. Only an error of the statement itself is told by its own message.</summary>
    public static string Reason(SqliteException exception) => exception.SqliteErrorCode is raw.SQLITE_ERROR or raw.SQLITE_CONSTRAINT
        ? exception.Message
        : raw.sqlite3_errstr(exception.SqliteErrorCode).utf8_to_string();
}
