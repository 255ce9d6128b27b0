using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// The byte ranges that SQLite locks (os_unix.c), and what they tell. Locks belong to the file, by whatever name, mount or
/// container it was opened; so they tell of users that nothing else tells of. Those taken here belong to the open file
/// (F_OFD_SETLK), not to the process: closing another handle of the file does not drop them.
/// </summary>
internal static partial class SqliteLocks
{
    private const long Pending = 0x4000_0000;
    private const long Reserved = Pending + 1;
    private const long Shared = Pending + 2;
    private const long SharedSize = 510;

    // Every connection to a -shm holds a read lock on this byte of it ("dead man's switch"). Without one SQLite takes the content for stale.
    private const long IndexInUse = 128;

    private const int GetLock = 36; // F_OFD_GETLK
    private const int SetLock = 37; // F_OFD_SETLK
    private const int GetProcessLock = 5; // F_GETLK
    private const int SetProcessLock = 6; // F_SETLK
    private const short ReadLock = 0; // F_RDLCK
    private const short WriteLock = 1; // F_WRLCK
    private const short NoLock = 2; // F_UNLCK

    /// <summary>
    /// Takes the lock of a reader, which goes with the handle. While it is held no rollback journal is written back, no
    /// journal mode changes, and nobody who closes the database moves its WAL into it or deletes that. It covers one byte of
    /// SQLite's range, so that agents that read at the same time are not taken for programs that have it open.
    /// </summary>
    /// <returns>False while a writer keeps readers out.</returns>
    /// <exception cref="IOException">The file system can't lock.</exception>
    public static bool TryShare(SafeFileHandle database)
    {
        if (!TrySet(database, ReadLock, Pending))
            return false;
        try
        {
            return TrySet(database, ReadLock, Shared);
        }
        finally
        {
            TrySet(database, NoLock, Pending);
        }
    }

    /// <summary>Whether a program reads or writes it now; in WAL mode, whether one has it open at all.</summary>
    public static bool IsInUse(SafeFileHandle database) => IsLocked(database, Shared + 1, SharedSize - 1);

    /// <summary>Whether a program keeps readers out.</summary>
    public static bool IsHeldAlone(SafeFileHandle database) => IsLocked(database, Shared + 1, SharedSize - 1, asking: ReadLock);

    /// <summary>Whether a program has begun to write, so that a journal beside it is that program's.</summary>
    public static bool IsReserved(SafeFileHandle database) => IsLocked(database, Reserved, 1);

    /// <summary>Whether a program uses this <c>-shm</c>.</summary>
    public static bool IsIndexInUse(SafeFileHandle shm) => IsLocked(shm, IndexInUse, 1);

    /// <param name="asking">Which lock would have to wait.</param>
    private static bool IsLocked(SafeFileHandle file, long start, long length, short asking = WriteLock)
    {
        var asked = new FileLockRange { Type = asking, Start = start, Length = length };
        if (!Ask(file, GetLock, GetProcessLock, ref asked))
            throw Refused();
        return asked.Type != NoLock;
    }

    private static bool TrySet(SafeFileHandle file, short type, long start)
    {
        var asked = new FileLockRange { Type = type, Start = start, Length = 1 };
        if (Ask(file, SetLock, SetProcessLock, ref asked))
            return true;
        return Marshal.GetLastPInvokeError() is Errno.Again or Errno.Denied ? false : throw Refused();
    }

    /// <summary>A sandbox may know the locks of processes alone.</summary>
    private static bool Ask(SafeFileHandle file, int command, int sameForProcess, ref FileLockRange range) =>
        Fcntl(file, command, ref range) == 0 || (Marshal.GetLastPInvokeError() == Errno.Invalid && Fcntl(file, sameForProcess, ref range) == 0);

    private static IOException Refused() => new($"its file system can't tell of locks ({Marshal.GetLastPInvokeErrorMessage()})");

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeFileHandle file, int command, ref FileLockRange range);

    /// <summary>struct flock, on 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLockRange
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}

/// <summary>
/// Finds out when what was committed lies where the configured path does not lead. SQLite keeps <c>-wal</c> and
/// <c>-journal</c> beside the name that a program opens: by a hard link, or mounted alone, the database file is seen and they
/// are not; and a <c>-wal</c> that was deleted lives on in the programs that have it open.
/// </summary>
/// <param name="Problem">Goes on after the database's name.</param>
/// <param name="Mend">What to do, or what to configure instead.</param>
internal sealed record HiddenWal(string Problem, string Mend)
{
    public BackupException Refusal(string path) => new(FailureKind.SourceBusy, $"database '{path}' {Problem}", Mend);

    /// <summary>What can be told at once; null: nothing is hidden, or it is <see cref="DatabaseUse.Unclear"/> and may settle.</summary>
    public static HiddenWal? Find(OpenDatabase database, out DatabaseUse use)
    {
        use = database.Use;
        if (database.IsWal && database.IsInUse)
        {
            var holders = FileUsers.HoldersOf(database.Status);
            if (holders.Select(holder => OfHolder(database, holder)).FirstOrDefault(hidden => hidden is not null) is { } elsewhere)
                return elsewhere;
            // Readers that may not share a -shm, as on a read-only mount, have the -wal open and hold no lock on an index.
            if (use == DatabaseUse.Unclear && holders.Count > 0 && holders.All(holder => HasWal(database, holder)) && !FileOwner.CanWriteIn(Path.GetDirectoryName(database.File.Path)!))
                use = DatabaseUse.AtRest;
        }

        return use == DatabaseUse.AtRest && (database.Status.Names > 1 || database.Status.IsMountPoint) ? OfNames(database) : null;
    }

    /// <summary>Of a database that somebody has had open for a while without what lies beside it.</summary>
    public static HiddenWal Unclear(OpenDatabase database)
    {
        if (database.IsHeldAlone)
            return HeldAlone(database);
        var path = database.File.Path;
        var status = database.Status;
        var (why, mend) = status switch
        {
            { IsMountPoint: true } => ("it is mounted alone, and its -wal lies where it was mounted from", "mount its directory instead of the file"),
            { Names: > 1 } => ($"it has {status.Names} names (hard links), and its -wal lies beside another", $"configure the path that its program opens (sudo fuser -v '{path}' names the program; find / -xdev -samefile '{path}' the paths)"),
            _ => ("its -wal or -shm was deleted or replaced", StopCleanly($"that program (sudo fuser -v '{path}')")),
        };
        return new HiddenWal($"is open in WAL mode in a program that does not use what lies beside it: {why}", mend);
    }

    /// <summary>Of a database that a program keeps to itself for a while: nothing is hidden, and nobody else can read it.</summary>
    public static HiddenWal HeldAlone(OpenDatabase database) => new(
        "is kept locked by a program that lets no other one read it", $"find it (sudo fuser -v '{database.File.Path}'): with PRAGMA locking_mode = EXCLUSIVE it does so until it ends, so let it work without, or stop it for the backup");

    /// <summary>What is no trouble now and will be; null: nothing.</summary>
    public static HiddenWal? Risk(OpenDatabase database) => database.Status switch
    {
        { IsMountPoint: true } => new HiddenWal("is mounted alone: the -wal or -journal of a program that opens it elsewhere can't be seen here, and the run then fails", "mount its directory instead of the file"),
        { Names: > 1 } => new HiddenWal($"has {database.Status.Names} names (hard links): the -wal or -journal of a program that opens another one is not seen here, and the run then fails", $"configure the path that its program opens, or remove the other names (find / -xdev -samefile '{database.File.Path}')"),
        _ => null,
    };

    private static HiddenWal? OfHolder(OpenDatabase database, FileHolder holder)
    {
        var names = holder.Files.Where(open => open.File.IsSameFileAs(database.Status)).Select(open => open.Path).ToHashSet(StringComparer.Ordinal);
        var wal = holder.Files.FirstOrDefault(open => open.Path.EndsWith("-wal", StringComparison.Ordinal)
            && (names.Contains(open.Path[..^"-wal".Length]) || open.Path == database.File.Path + "-wal") && !IsOurs(database, open.File) && !IsBeside(database, open.File));
        return wal switch
        {
            null => null,
            { IsDeleted: true } => new HiddenWal($"is open in process {holder.User}, and the -wal that it commits into was deleted: no other program can read that", StopCleanly("it")),
            _ => new HiddenWal($"is open in process {holder.User} as '{wal.Path[..^"-wal".Length]}': what that commits lies in '{wal.Path}', not beside the configured path", $"configure the path that it opens: '{wal.Path[..^"-wal".Length]}'"),
        };
    }

    /// <summary>Nobody has it open: but a program that died may have left its WAL, or a journal, beside another name.</summary>
    private static HiddenWal? OfNames(OpenDatabase database)
    {
        var path = database.File.Path;
        var others = FileNames.Others(path, database.Status, out var areAll);
        foreach (var other in others)
        {
            var ending = database.IsWal ? "-wal" : "-journal";
            if (FileStatus.Of(other + ending) is { IsRegular: true, Length: > WalFormat.HeaderSize })
                return new HiddenWal($"has another name, '{other}', and what a program committed lies beside that one, in '{other}{ending}'", $"configure the path that the program opens: '{other}'");
        }

        if (areAll || !database.IsWal || database.HoldsWal)
            return null;
        return database.Status.IsMountPoint
            ? new HiddenWal("is in WAL mode and mounted alone: whether a -wal with committed data lies beside the original can't be seen", "mount its directory instead of the file")
            : new HiddenWal($"is in WAL mode and has {database.Status.Names} names (hard links): whether a -wal with committed data lies beside another one can't be seen", $"configure the path that its program opens, and remove the other names (find / -xdev -samefile '{path}')");
    }

    private static bool HasWal(OpenDatabase database, FileHolder holder) => holder.Files.Any(open => IsOurs(database, open.File));

    private static bool IsOurs(OpenDatabase database, FileStatus file) => database.Wal is { } wal && FileStatus.Of(wal) is { } ours && ours.IsSameFileAs(file);

    /// <summary>Whether it lies beside the configured path now: the program may have made it after the database was looked at.</summary>
    private static bool IsBeside(OpenDatabase database, FileStatus file) => FileStatus.Of(database.File.Path + "-wal") is { } there && there.IsSameFileAs(file);

    private static string StopCleanly(string program) =>
        $"let {program} close the database in an orderly way (stop its service, no kill -9): SQLite then moves what it committed into the database; then back up again, and let nothing delete a -wal or -shm while programs use the database";
}
