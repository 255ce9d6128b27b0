using Microsoft.Data.Sqlite;
using SQLitePCL;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Turns SQLite's result codes into what an operator can act on.</summary>
internal static class SqliteFailure
{
    public static BackupException StayedLocked(string path, TimeSpan waited, Exception? cause = null) => new(
        FailureKind.SourceBusy,
        $"database '{path}' stayed locked for {waited.TotalSeconds:0.#} s",
        $"find the process that holds it (fuser -v '{path}'): one with PRAGMA locking_mode = EXCLUSIVE has to work without, or to be stopped for the backup; for one in a long transaction raise busyTimeout",
        cause);

    public static BackupException Translate(SqliteException exception, string path)
    {
        var (kind, hint) = exception.SqliteErrorCode switch
        {
            SqliteError.Corrupt when IsNoDatabase(path) => (FailureKind.SourceInvalid, $"its first page is damaged, or it is an encrypted database, which can't be backed up page by page: check the path (file '{path}'); the older good backups are kept (nexus-backup list)"), // SQLite finds damage where some encrypted bytes pass for a header
            SqliteError.Busy or SqliteError.Locked or SqliteError.Protocol => (FailureKind.SourceBusy, $"find the process that holds it (fuser -v '{path}') or raise busyTimeout"),
            SqliteError.Corrupt => (FailureKind.SourceCorrupt, $"check it (sqlite3 '{path}' 'PRAGMA integrity_check'); the older good backups are kept (nexus-backup list)"),
            SqliteError.NotADatabase or raw.SQLITE_ERROR => (FailureKind.SourceInvalid, $"check the path (file '{path}'); an encrypted database can't be backed up page by page"),
            SqliteError.Perm or SqliteError.ReadOnly or SqliteError.CannotOpen => (FailureKind.Permission, $"give the user {SystemUser.Current.Name} read access to the database and, in WAL mode, write access to its directory for '-shm' (ls -la '{Path.GetDirectoryName(path)}')"),
            SqliteError.Full => (FailureKind.StoreFull, $"free space on the database's disk (df -h '{Path.GetDirectoryName(path)}')"),
            SqliteError.IoError => (FailureKind.Io, "check the disk (dmesg | tail)"),
            _ => (FailureKind.Unexpected, "run the command again with --verbose and keep its output"),
        };
        return new BackupException(kind, $"cannot read database '{path}': {SqliteError.Reason(exception)}", hint, exception);
    }

    private static bool IsNoDatabase(string path)
    {
        try
        {
            using var file = RegularFile.OpenRead(path);
            return !SqliteFile.LooksLikeOne(file);
        }
        catch (Exception unreadable) when (IoFailure.IsKnown(unreadable))
        {
            return false;
        }
    }
}
