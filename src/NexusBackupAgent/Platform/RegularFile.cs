using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Opens files where others may have put something else. To open a named pipe means to wait for its writer, and to open a
/// device may start it; so neither is ever opened here.
/// </summary>
internal static partial class RegularFile
{
    private const int ReadWithoutWaiting = 0x800 | 0x100 | 0x80000; // O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    private const int NoEntry = 2; // ENOENT
    private const int NoAccess = 13; // EACCES
    private const int NotPermitted = 1; // EPERM
    private const int NoDirectory = 20; // ENOTDIR

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
            var (error, message) = (Marshal.GetLastPInvokeError(), Marshal.GetLastPInvokeErrorMessage());
            handle.Dispose();
            throw error switch
            {
                NoEntry or NoDirectory => new FileNotFoundException(message, path),
                NoAccess or NotPermitted => new UnauthorizedAccessException($"{message}: '{path}'"),
                _ => new IOException($"{message}: '{path}'", error),
            };
        }

        if (FileStatus.Of(handle) is { IsRegular: false } swapped)
        {
            handle.Dispose();
            throw new NotRegularFileException(path, swapped.Type);
        }

        return handle;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
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
