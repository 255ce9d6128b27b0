using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>How a database is used, as far as its locks tell.</summary>
internal enum DatabaseUse
{
    /// <summary>Nobody has it open, or it is in rollback-journal mode: the files are all there is, and they stand still under the lock of a reader.</summary>
    AtRest,

    /// <summary>Programs have it open in WAL mode, with the <c>-wal</c> and <c>-shm</c> that lie beside it.</summary>
    Live,

    /// <summary>Somebody has it open in WAL mode, and not with what lies beside it: for a moment while it is opened; for longer, what is committed lies elsewhere.</summary>
    Unclear,
}

/// <summary>
/// A database and what lies beside it, open for reading. Nothing here changes or makes a file. When any handle of a file is
/// closed, all locks of SQLite in this process on that file are gone (POSIX): a transaction on it ends before this is disposed.
/// </summary>
internal sealed class OpenDatabase : IDisposable
{
    // Short and even: SQLite's own back-off grows to 100 ms, which a busy writer can starve.
    public static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(2);

    /// <summary>A <c>-wal</c> of this length or less holds no page.</summary>
    private const int EmptyWal = WalFormat.HeaderSize;

    private const int MostReplacements = 100;

    private OpenDatabase(SqliteFile file, FileStatus status, SafeFileHandle content)
    {
        File = file;
        Status = status;
        Content = content;
    }

    public SqliteFile File { get; }

    public FileStatus Status { get; }

    public SafeFileHandle Content { get; }

    /// <summary>Null where there is none.</summary>
    public SafeFileHandle? Wal { get; private set; }

    /// <summary>Null where there is none.</summary>
    public SafeFileHandle? Shm { get; private set; }

    /// <summary>Null where there is none.</summary>
    public SafeFileHandle? Journal { get; private set; }

    /// <summary>Whether the <c>-wal</c> may hold pages.</summary>
    public bool HoldsWal => Wal is not null && RandomAccess.GetLength(Wal) > EmptyWal;

    /// <summary>Whether SQLite would work with a WAL, which it does beside a <c>-wal</c> whatever the database file says.</summary>
    public bool IsWal => File.IsWal || HoldsWal || IsIndexInUse;

    public bool IsInUse => SqliteLocks.IsInUse(Content);

    /// <summary>Whether a program keeps all others out: for a moment, or as long as it lives (<c>PRAGMA locking_mode = EXCLUSIVE</c>).</summary>
    public bool IsHeldAlone => SqliteLocks.IsHeldAlone(Content);

    private bool IsIndexInUse => Wal is not null && Shm is not null && SqliteLocks.IsIndexInUse(Shm);

    /// <summary>Whether a program that died left a rollback journal here: the database file holds half a transaction, which the journal undoes.</summary>
    public bool HasHotJournal => Journal is not null && !SqliteLocks.IsReserved(Content) && RollbackJournal.IsHot(Journal);

    public DatabaseUse Use => !IsWal || !IsInUse ? DatabaseUse.AtRest : IsIndexInUse ? DatabaseUse.Live : DatabaseUse.Unclear;

    /// <summary>Opens a database and takes the lock of a reader.</summary>
    /// <param name="path">The database.</param>
    /// <param name="busyTimeout">How long a locked database is waited for.</param>
    /// <exception cref="BackupException">It is none, or may not be read, or stayed locked, or was replaced too often.</exception>
    public static async Task<OpenDatabase> OpenAsync(string path, TimeSpan busyTimeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        var replacements = 0;
        while (true)
        {
            var opened = Guard(path, () => OpenOnce(path, share: true, onReplaced: () =>
            {
                if (++replacements >= MostReplacements)
                    throw ReplacedEachTime(path);
            }));
            if (opened is not null)
                return opened;
            if (timeProvider.GetElapsedTime(started) >= busyTimeout)
                throw SqliteFailure.StayedLocked(path, busyTimeout);
            await Task.Delay(BusyPause, timeProvider, cancellationToken);
        }
    }

    /// <summary>Opens a database to look at it, without a lock.</summary>
    /// <exception cref="BackupException">It is none, or may not be read.</exception>
    public static OpenDatabase Peek(string path) => Guard(path, () => Settled(path, () => OpenOnce(path, share: false)))!;

    /// <summary>Opens what lies beside it by now, in place of what lay there. The lock stays.</summary>
    public void LookBeside()
    {
        CloseBeside();
        Wal = OpenBeside(File.Path + "-wal");
        Shm = OpenBeside(File.Path + "-shm");
        Journal = OpenBeside(File.Path + "-journal");
    }

    public void Dispose()
    {
        Content.Dispose();
        CloseBeside();
    }

    private void CloseBeside()
    {
        Wal?.Dispose();
        Shm?.Dispose();
        Journal?.Dispose();
    }

    /// <returns>Null while a writer keeps readers out, or when another file took its place.</returns>
    private static OpenDatabase? OpenOnce(string path, bool share, Action? onReplaced = null)
    {
        var resolved = KernelPath.Behind(path);
        var content = RegularFile.OpenRead(resolved);
        OpenDatabase? opened = null;
        try
        {
            if (share && !(SqliteLocks.TryShare(content) && FileStatus.Of(resolved) is { } there && there.IsSameFileAs(FileStatus.Of(content)!.Value)))
            {
                content.Dispose();
                return null;
            }

            if (!SafeFile.IsTrusted(path, content))
            {
                onReplaced?.Invoke();
                content.Dispose();
                return null;
            }

            opened = new OpenDatabase(SqliteFile.Read(path, resolved, content), FileStatus.Of(content)!.Value, content);
            opened.LookBeside();
            return opened;
        }
        catch
        {
            opened?.Dispose();
            content.Dispose();
            throw;
        }
    }

    private static SafeFileHandle? OpenBeside(string path)
    {
        try
        {
            return Settled(path, () => OpenBesideOnce(path));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <returns>Null when another file took its place.</returns>
    private static SafeFileHandle? OpenBesideOnce(string path)
    {
        var file = RegularFile.OpenRead(path);
        var isTrusted = false;
        try
        {
            isTrusted = SafeFile.IsTrusted(path, file);
            return isTrusted ? file : null;
        }
        finally
        {
            if (!isTrusted)
                file.Dispose();
        }
    }

    /// <summary>SQLite takes a <c>-wal</c> away and makes a new one at any moment, so what was replaced while it was opened is opened again.</summary>
    /// <exception cref="UntrustedPlaceException">It was replaced each time, which no application does.</exception>
    private static T Settled<T>(string path, Func<T?> open)
        where T : class
    {
        for (var tries = 0; tries < MostReplacements; tries++)
        {
            if (open() is { } opened)
                return opened;
        }

        throw ReplacedEachTime(path);
    }

    private static UntrustedPlaceException ReplacedEachTime(string path) => new($"'{path}' was replaced each of the {MostReplacements} times that it was opened");

    private static OpenDatabase? Guard(string path, Func<OpenDatabase?> open)
    {
        var directory = System.IO.Path.GetDirectoryName(path) ?? path;
        try
        {
            return open();
        }
        catch (FileNotFoundException missing)
        {
            if (DeletedDatabase.Find(path) is { } held)
                throw new BackupException(FailureKind.SourceMissing, $"database '{path}' {held.Problem}", held.Mend, missing);
            throw new BackupException(
                FailureKind.SourceMissing,
                $"database '{path}' does not exist",
                "mount its disk, or mend the path in the configuration; if a pattern found it once and it was retired, move its backups out of the store; if it is lost, nexus-backup diagnose leads to its restore",
                missing);
        }
        catch (UntrustedPlaceException reason)
        {
            throw new BackupException(
                FailureKind.Permission,
                $"database '{path}' is not read as root: {reason.Message}",
                $"find out who laid that way, and why (namei -l '{path}'); if it is meant, configure the path that it leads to",
                reason);
        }
        catch (NotRegularFileException other)
        {
            throw new BackupException(
                FailureKind.SourceInvalid,
                other.Message,
                other.Type == FileType.Directory
                    ? "name the database file itself, or a glob such as *.db inside it"
                    : $"name the database file itself; if this lies in the database's place, find out what made it (ls -la '{directory}') and move it away",
                other);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read database '{path}'", directory);
        }
    }
}
