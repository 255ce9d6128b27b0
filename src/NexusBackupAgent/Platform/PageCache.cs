using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>What the kernel is asked to do with the memory that it keeps of files. All of it is advice.</summary>
internal static partial class PageCache
{
    private const int DoNotNeed = 4; // POSIX_FADV_DONTNEED, the same on every architecture that .NET runs on but s390x

    private const uint StartWriting = 2; // SYNC_FILE_RANGE_WRITE

    /// <summary>
    /// Has what was written go to the disk while more is being made, without waiting for it. Flushing the file then finds
    /// little left to wait for.
    /// </summary>
    public static void WriteBack(SafeFileHandle file, long offset, long length)
    {
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess)
            _ = SyncFileRange(file, offset, length, StartWriting);
    }

    /// <summary>
    /// Has the next read of a file come from the disk, not from memory (posix_fadvise with POSIX_FADV_DONTNEED): forgets what memory holds of an open file. It is advice: where the kernel keeps the pages all the same, for example
    /// while another program maps them, the read comes from memory and nothing else changes.
    /// </summary>
    public static void Forget(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess && RuntimeInformation.ProcessArchitecture != Architecture.S390x)
            _ = Advise(file, 0, 0, DoNotNeed); // 0 bytes from 0 on: the whole file
    }

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
