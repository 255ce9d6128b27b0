using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Opens files where others may have put something else. To open a named pipe means to wait for its writer, which nothing here
/// does. To open a device may start it: one that is there is not opened, and one that takes the place of a file between a look
/// and the opening is closed at once.
/// </summary>
internal static partial class RegularFile
{
    private const nint CurrentDirectory = -100; // AT_FDCWD
    private const int ReadWithoutWaiting = 0x800 | 0x100 | 0x80000; // O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC

    /// <summary>Opens a file for reading, without waiting and without changing anything but its time of access.</summary>
    /// <exception cref="NotRegularFileException">Something else is there.</exception>
    /// <exception cref="FileNotFoundException">Nothing is there.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="IOException">It can't be opened.</exception>
    public static SafeFileHandle OpenRead(string path)
    {
        if (FileStatus.Of(path) is { IsRegular: false } other)
            throw new NotRegularFileException(path, other.Type);
        var handle = Open(path, ReadWithoutWaiting);
        if (handle.IsInvalid)
        {
            var error = Marshal.GetLastPInvokeError();
            handle.Dispose();
            throw Errno.Failure(error == Errno.NoDirectory ? Errno.Missing : error, path); // no file is there in either case
        }

        if (FileStatus.Of(handle) is { IsRegular: false } swapped)
        {
            handle.Dispose();
            throw new NotRegularFileException(path, swapped.Type);
        }

        return handle;
    }

    /// <summary>The same, of what its caller saw to be a file just now and looks at once it is open, and only where no part of the path is a symbolic link by now (openat2, Linux 5.6).</summary>
    /// <param name="file">Invalid where a link is in the way.</param>
    /// <returns>False where the system has no such call, or forbids it.</returns>
    public static bool TryOpenReadWithoutLinks(string path, out SafeFileHandle file)
    {
        const nint OpenAt2 = 437; // on every architecture that .NET runs on
        const ulong NoSymbolicLinks = 0x04; // RESOLVE_NO_SYMLINKS
        Span<ulong> how = [ReadWithoutWaiting, 0, NoSymbolicLinks]; // struct open_how
        file = OpenAt(OpenAt2, CurrentDirectory, path, ref how[0], how.Length * sizeof(ulong));
        if (!file.IsInvalid || Marshal.GetLastPInvokeError() is not (not Errno.Loop and var error))
            return true;
        file.Dispose();
        if (error is Errno.NoSuchCall or Errno.NotPermitted or Errno.Again)
            return false;
        throw Errno.Failure(error == Errno.NoDirectory ? Errno.Missing : error, path);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenAt(nint call, nint directory, string path, ref ulong how, nint size);
}

/// <summary>Where a file was expected there is a pipe, a socket, a device or a directory.</summary>
internal sealed class NotRegularFileException(string path, FileType type) : IOException($"'{path}' is {type.Name()}, not a file")
{
    public FileType Type => type;
}

internal static class FileTypes
{
    /// <summary>With its article, as the end of a sentence.</summary>
    public static string Name(this FileType type) => type switch
    {
        FileType.NamedPipe => "a named pipe",
        FileType.CharacterDevice or FileType.BlockDevice => "a device",
        FileType.Directory => "a directory",
        FileType.Socket => "a socket",
        FileType.SymbolicLink => "a symbolic link",
        FileType.Regular => "a file",
        _ => "neither a file nor a directory",
    };
}

/// <summary>Makes renames and deletions in a directory survive a power cut (fsync of the directory, POSIX).</summary>
internal static partial class DurableDirectory
{
    private const int ReadOnlyDirectory = 0x90000; // O_RDONLY | O_DIRECTORY | O_CLOEXEC on Linux x64; arm64 differs, see below
    private const int ReadOnlyDirectoryArm64 = 0x84000;

    /// <summary>Makes what was written to a file survive a power cut. .NET's own way passes over errors of the disk.</summary>
    /// <exception cref="IOException">The disk or the file system refused: what was written may be lost.</exception>
    public static void Flush(SafeFileHandle file) => Flush(file, shown: null);

    /// <summary>Whether the file system knows what it is to keep something over a power cut. One that fails at it knows it.</summary>
    public static bool Knows(SafeFileHandle file) => Errno.Of(() => Fsync(file)) is not (Errno.Invalid or Errno.Unsupported or Errno.NoSuchCall);

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

    /// <summary>Makes all that was written to a file system survive a power cut: of many small files faster than one by one (syncfs).</summary>
    /// <param name="directory">On it.</param>
    /// <exception cref="IOException">The disk refused.</exception>
    public static void SyncAll(string directory)
    {
        using var opened = SafeFile.OpenDirectory(directory);
        if (Errno.Of(() => SyncFileSystem(opened)) is not 0 and var error)
            throw Errno.Failure(error, directory);
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

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFileSystem(SafeFileHandle directory);
}

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
