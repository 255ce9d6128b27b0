using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Storage;

/// <summary>Has the next read of a file come from the disk, not from memory (posix_fadvise with POSIX_FADV_DONTNEED).</summary>
internal static partial class PageCache
{
    private const int DoNotNeed = 4; // POSIX_FADV_DONTNEED, the same on every architecture that .NET runs on but s390x

    /// <summary>
    /// Forgets what memory holds of an open file. It is advice: where the kernel keeps the pages all the same, for example
    /// while another program maps them, the read comes from memory and nothing else changes.
    /// </summary>
    public static void Forget(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux() && Environment.Is64BitProcess && RuntimeInformation.ProcessArchitecture != Architecture.S390x)
            _ = Advise(file, 0, 0, DoNotNeed); // 0 bytes from 0 on: the whole file
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
