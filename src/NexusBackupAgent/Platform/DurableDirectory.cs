using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>Makes renames and deletions in a directory survive a power cut (fsync of the directory, POSIX).</summary>
internal static partial class DurableDirectory
{
    private const int ReadOnlyDirectory = 0x90000; // O_RDONLY | O_DIRECTORY | O_CLOEXEC on Linux x64; arm64 differs, see below
    private const int ReadOnlyDirectoryArm64 = 0x84000;

    /// <summary>Makes what was written to a file survive a power cut. .NET's own way passes over errors of the disk.</summary>
    /// <exception cref="IOException">The disk or the file system refused: what was written may be lost.</exception>
    public static void Flush(SafeFileHandle file) => Flush(file, shown: null);

    /// <exception cref="IOException">The directory could not be synced.</exception>
    public static void Sync(string path)
    {
        if (!OperatingSystem.IsLinux())
            return;

        var flags = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? ReadOnlyDirectoryArm64 : ReadOnlyDirectory;
        var descriptor = Open(path, flags);
        if (descriptor.IsInvalid)
        {
            var error = Marshal.GetLastPInvokeError();
            descriptor.Dispose();
            throw Errno.Failure(error, path);
        }

        using (descriptor)
            Flush(descriptor, path);
    }

    private static void Flush(SafeFileHandle file, string? shown)
    {
        // EINVAL: the file system has no notion of it, so there is nothing to lose.
        if (Errno.Of(() => Fsync(file)) is not (0 or Errno.Invalid or Errno.Unsupported) and var error)
            throw new IOException($"{Marshal.GetPInvokeErrorMessage(error)} : '{shown ?? File.ResolveLinkTarget($"/proc/self/fd/{file.DangerousGetHandle()}", returnFinalTarget: false)?.FullName}'", error);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle file);
}
