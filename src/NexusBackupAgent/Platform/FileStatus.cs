using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>Which file a path leads to, whatever links, hard links and mounts it goes through, whose it is and when it changed (statx, Linux 4.11).</summary>
/// <param name="Major">Of the device.</param>
/// <param name="Minor">Of the device.</param>
/// <param name="Inode">On the device.</param>
/// <param name="User">The owner's number.</param>
/// <param name="Group">The group's number.</param>
/// <param name="IsRegular">No directory, device, pipe or socket.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Modified">Nanoseconds since 1970, as exact as the file system's clock (often 4 ms).</param>
/// <param name="Changed">As that, of the content or of owner, mode and links; no program can set it.</param>
internal readonly partial record struct FileStatus(uint Major, uint Minor, ulong Inode, uint User, uint Group, bool IsRegular, ulong Length, long Modified, long Changed)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint Wanted = 0x100 | 0x8 | 0x10 | 0x1 | 0x200 | 0x40 | 0x80; // STATX_INO | UID | GID | TYPE | SIZE | MTIME | CTIME

    // struct statx has the same layout on every architecture.
    private const int StatxSize = 256;
    private const int UserOffset = 20;
    private const int GroupOffset = 24;
    private const int ModeOffset = 28;
    private const int InodeOffset = 32;
    private const int LengthOffset = 40;
    private const int ChangedOffset = 96;
    private const int ModifiedOffset = 112;
    private const int MajorOffset = 136;
    private const int MinorOffset = 140;

    private const int TypeMask = 0xF000; // S_IFMT
    private const int Regular = 0x8000; // S_IFREG

    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public static FileStatus? Of(string path) => Of(CurrentDirectory, path);

    /// <param name="directory">An open directory's number, from which a relative path goes out.</param>
    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public static FileStatus? Of(int directory, string path)
    {
        Span<byte> answer = stackalloc byte[StatxSize];
        if (!OperatingSystem.IsLinux() || Statx(directory, path, 0, Wanted, ref MemoryMarshal.GetReference(answer)) != 0)
            return null;
        return new FileStatus(
            MemoryMarshal.Read<uint>(answer[MajorOffset..]),
            MemoryMarshal.Read<uint>(answer[MinorOffset..]),
            MemoryMarshal.Read<ulong>(answer[InodeOffset..]),
            MemoryMarshal.Read<uint>(answer[UserOffset..]),
            MemoryMarshal.Read<uint>(answer[GroupOffset..]),
            (MemoryMarshal.Read<ushort>(answer[ModeOffset..]) & TypeMask) == Regular,
            MemoryMarshal.Read<ulong>(answer[LengthOffset..]),
            Nanoseconds(answer[ModifiedOffset..]),
            Nanoseconds(answer[ChangedOffset..]));
    }

    /// <summary>When its content, name, mode or owner last changed, UTC, to the millisecond.</summary>
    public DateTimeOffset ChangedAt => DateTimeOffset.FromUnixTimeMilliseconds(Changed / 1_000_000);

    public bool IsSameFileAs(FileStatus other) => (Major, Minor, Inode) == (other.Major, other.Minor, other.Inode);

    /// <param name="time">struct statx_timestamp: seconds, then nanoseconds.</param>
    private static long Nanoseconds(ReadOnlySpan<byte> time) => (MemoryMarshal.Read<long>(time) * 1_000_000_000) + MemoryMarshal.Read<uint>(time[8..]);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, ref byte answer);
}
