using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

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
    private const int Again = 11; // EAGAIN
    private const int NoAccess = 13; // EACCES
    private const int Unknown = 22; // EINVAL

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

    /// <summary>Whether a program has begun to write, so that a journal beside it is that program's.</summary>
    public static bool IsReserved(SafeFileHandle database) => IsLocked(database, Reserved, 1);

    /// <summary>Whether a program uses this <c>-shm</c>.</summary>
    public static bool IsIndexInUse(SafeFileHandle shm) => IsLocked(shm, IndexInUse, 1);

    private static bool IsLocked(SafeFileHandle file, long start, long length)
    {
        var asked = new FileLockRange { Type = WriteLock, Start = start, Length = length };
        if (!Ask(file, GetLock, GetProcessLock, ref asked))
            throw Refused();
        return asked.Type != NoLock;
    }

    private static bool TrySet(SafeFileHandle file, short type, long start)
    {
        var asked = new FileLockRange { Type = type, Start = start, Length = 1 };
        if (Ask(file, SetLock, SetProcessLock, ref asked))
            return true;
        return Marshal.GetLastPInvokeError() is Again or NoAccess ? false : throw Refused();
    }

    /// <summary>A sandbox may know the locks of processes alone.</summary>
    private static bool Ask(SafeFileHandle file, int command, int sameForProcess, ref FileLockRange range) =>
        Fcntl(file, command, ref range) == 0 || (Marshal.GetLastPInvokeError() == Unknown && Fcntl(file, sameForProcess, ref range) == 0);

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
