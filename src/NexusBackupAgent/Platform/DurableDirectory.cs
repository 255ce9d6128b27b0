using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>Makes renames and deletions in a directory survive a power cut (fsync of the directory, POSIX).</summary>
internal static partial class DurableDirectory
{
    private const int ReadOnlyDirectory = 0x10000; // O_RDONLY | O_DIRECTORY on Linux x64; arm64 differs, see below
    private const int ReadOnlyDirectoryArm64 = 0x4000;

    /// <exception cref="IOException">The directory could not be synced.</exception>
    public static void Sync(string path)
    {
        if (!OperatingSystem.IsLinux())
            return;

        var flags = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? ReadOnlyDirectoryArm64 : ReadOnlyDirectory;
        var descriptor = Open(path, flags);
        if (descriptor < 0)
            throw Failure(path);
        try
        {
            // EINVAL: the file system has no notion of syncing a directory, so there is nothing to lose.
            if (Fsync(descriptor) != 0 && Marshal.GetLastPInvokeError() != 22)
                throw Failure(path);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string path)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{Marshal.GetPInvokeErrorMessage(error)} : '{path}'", error);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
