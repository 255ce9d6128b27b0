using System.Runtime.InteropServices;

namespace NexusBackupAgent.Stores.Local;

/// <summary>
/// Reads a small file whole in four calls of the kernel. .NET's own way asks four more for each, two of them for a lock, and a
/// catalog may hold two hundred thousand such files.
/// </summary>
internal static unsafe partial class SmallFile
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC

    /// <summary>Bytes; a larger file is read as any other.</summary>
    private const int Largest = 16 << 10;

    /// <returns>All its bytes; null when it can't be had this way, which says nothing about why.</returns>
    public static byte[]? TryRead(string path)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var file = Open(path, CloseOnExec);
        if (file < 0)
            return null;
        try
        {
            var bytes = stackalloc byte[Largest];
            nint length = 0;
            while (length < Largest)
            {
                var read = ReadSome(file, bytes + length, Largest - length);
                if (read < 0)
                    return null;
                if (read == 0) // its end; a network's file system may give less than it has before that
                    return new ReadOnlySpan<byte>(bytes, (int)length).ToArray();
                length += read;
            }

            return null;
        }
        finally
        {
            _ = Close(file);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint ReadSome(int file, byte* buffer, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
