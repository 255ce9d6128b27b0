using System.Runtime.InteropServices;

namespace NexusBackupAgent.Storage;

/// <summary>Which file a path leads to, whatever links, hard links and mounts it goes through, whose it is and when it changed (statx, Linux 4.11).</summary>
/// <param name="Major">Of the device.</param>
/// <param name="Minor">Of the device.</param>
/// <param name="Inode">On the device.</param>
/// <param name="User">The owner's number.</param>
/// <param name="Group">The group's number.</param>
/// <param name="ChangedAt">When its content, name, mode or owner last changed, UTC, to the second.</param>
internal readonly partial record struct FileStatus(uint Major, uint Minor, ulong Inode, uint User, uint Group, DateTimeOffset ChangedAt)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint Wanted = 0x100 | 0x8 | 0x10 | 0x80; // STATX_INO | STATX_UID | STATX_GID | STATX_CTIME

    // struct statx has the same layout on every architecture.
    private const int StatxSize = 256;
    private const int UserOffset = 20;
    private const int GroupOffset = 24;
    private const int InodeOffset = 32;
    private const int ChangedOffset = 96;
    private const int MajorOffset = 136;
    private const int MinorOffset = 140;

    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public static FileStatus? Of(string path)
    {
        Span<byte> answer = stackalloc byte[StatxSize];
        if (!OperatingSystem.IsLinux() || Statx(CurrentDirectory, path, 0, Wanted, ref MemoryMarshal.GetReference(answer)) != 0)
            return null;
        return new FileStatus(
            MemoryMarshal.Read<uint>(answer[MajorOffset..]),
            MemoryMarshal.Read<uint>(answer[MinorOffset..]),
            MemoryMarshal.Read<ulong>(answer[InodeOffset..]),
            MemoryMarshal.Read<uint>(answer[UserOffset..]),
            MemoryMarshal.Read<uint>(answer[GroupOffset..]),
            DateTimeOffset.FromUnixTimeSeconds(MemoryMarshal.Read<long>(answer[ChangedOffset..])));
    }

    public bool IsSameFileAs(FileStatus other) => (Major, Minor, Inode) == (other.Major, other.Minor, other.Inode);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, ref byte answer);
}
