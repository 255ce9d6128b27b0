using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Turns SQLite's result codes into what an operator can act on.</summary>
internal static class SqliteFailure
{
    /// <summary><c>SQLITE_CORRUPT</c>.</summary>
    public const int Corrupt = 11;

    /// <summary><c>SQLITE_FULL</c>.</summary>
    public const int Full = 13;

    /// <summary><c>SQLITE_IOERR</c>.</summary>
    public const int IoError = 10;

    /// <summary><c>SQLITE_CANTOPEN</c>.</summary>
    public const int CannotOpen = 14;

    private const int Perm = 3;
    private const int Busy = 5;
    private const int Locked = 6;
    private const int ReadOnly = 8;
    private const int Protocol = 15;
    private const int NotADatabase = 26;

    public static bool IsBusy(SqliteException exception) => exception.SqliteErrorCode is Busy or Locked or Protocol;

    /// <summary>Whether the content itself is damaged, as opposed to out of reach.</summary>
    public static bool IsDamage(SqliteException exception) => exception.SqliteErrorCode is Corrupt or NotADatabase;

    public static BackupException Translate(SqliteException exception, string path)
    {
        var (kind, hint) = exception.SqliteErrorCode switch
        {
            Busy or Locked or Protocol => (FailureKind.SourceBusy, $"find the process that holds it (fuser -v '{path}') or raise busyTimeout"),
            Corrupt => (FailureKind.SourceCorrupt, $"check it (sqlite3 '{path}' 'PRAGMA integrity_check'); the older good backups are kept (nexus-backup list)"),
            NotADatabase => (FailureKind.SourceInvalid, $"check the path (file '{path}')"),
            Perm or ReadOnly or CannotOpen => (FailureKind.Permission, $"give the user {SystemUser.Current.Name} read access to the database and, in WAL mode, write access to its directory for '-shm' (ls -la '{Path.GetDirectoryName(path)}')"),
            Full => (FailureKind.StoreFull, $"free space on the database's disk (df -h '{Path.GetDirectoryName(path)}')"),
            IoError => (FailureKind.Io, "check the disk (dmesg | tail)"),
            _ => (FailureKind.Unexpected, "run the command again with --verbose and keep its output"),
        };
        return new BackupException(kind, $"cannot read database '{path}': {Reason(exception)}", hint, exception);
    }

    /// <summary>SQLite's own words: the library wraps them as <c>SQLite Error 5: 'database is locked'.</c></summary>
    public static string Reason(SqliteException exception)
    {
        var start = exception.Message.IndexOf('\'', StringComparison.Ordinal);
        var end = exception.Message.LastIndexOf('\'');
        return start >= 0 && end > start ? exception.Message[(start + 1)..end] : exception.Message;
    }
}
