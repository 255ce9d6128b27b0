using System.Runtime.InteropServices;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Which file a path leads to, whatever links, hard links and mounts it goes through: device and inode (statx, Linux 4.11).</summary>
internal static partial class FileIdentity
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint Inode = 0x100; // STATX_INO

    // struct statx has the same layout on every architecture.
    private const int StatxSize = 256;
    private const int InodeOffset = 32;
    private const int DeviceOffset = 136;

    /// <returns>The same text for the same file; the path itself where the file can't be asked.</returns>
    public static string Of(string path)
    {
        Span<byte> answer = stackalloc byte[StatxSize];
        return OperatingSystem.IsLinux() && Statx(CurrentDirectory, path, 0, Inode, ref MemoryMarshal.GetReference(answer)) == 0
            ? $"{MemoryMarshal.Read<ulong>(answer[DeviceOffset..]):x}:{MemoryMarshal.Read<ulong>(answer[InodeOffset..]):x}"
            : path;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, ref byte answer);
}
