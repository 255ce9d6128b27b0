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

    /// <summary>Whether both are on one file system. False when either is not there.</summary>
    public static bool AreOnOneDisk(string one, string other) =>
        Of(one) is { } here && Of(other) is { } there && (here.Major, here.Minor) == (there.Major, there.Minor);

    public bool IsSameFileAs(FileStatus other) => (Major, Minor, Inode) == (other.Major, other.Minor, other.Inode);

    /// <param name="time">struct statx_timestamp: seconds, then nanoseconds.</param>
    private static long Nanoseconds(ReadOnlySpan<byte> time) => (MemoryMarshal.Read<long>(time) * 1_000_000_000) + MemoryMarshal.Read<uint>(time[8..]);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, ref byte answer);
}

/// <summary>Owner, group and mode of a file, to be given to the one that takes its place.</summary>
internal readonly partial record struct FileOwner(uint User, uint Group, UnixFileMode Mode)
{
    private const int PermissionDenied = 13; // EACCES

    // As the agent's other new files: a database holds everything, and nothing of it is for other users.
    private const UnixFileMode NewFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    /// <summary>User and group as <c>chown</c> takes them: <c>nexus:nexus</c>.</summary>
    public string Names => $"{new SystemUser(User).Name}:{new SystemGroup(Group).Name}";

    /// <summary>The mode as <c>chmod</c> takes it: <c>0640</c>.</summary>
    public string Octal => Convert.ToString((int)Mode, toBase: 8).PadLeft(4, '0');

    /// <summary>Whether this process may give them away: root may, others only what is theirs.</summary>
    public bool CanBeGiven => Geteuid() is var me && (me == 0 || (me == User && (Getegid() == Group || Groups().Contains(Group))));

    /// <exception cref="IOException">The file can't be asked.</exception>
    public static FileOwner Of(string path) =>
        FileStatus.Of(path) is { } file ? new FileOwner(file.User, file.Group, File.GetUnixFileMode(path)) : throw new FileNotFoundException($"cannot look at '{path}'", path);

    /// <summary>Of a new file in a directory: root makes it for whom the directory belongs to, others for themselves.</summary>
    public static FileOwner ForNewIn(string directory)
    {
        var owner = Of(directory);
        return Geteuid() == 0 ? owner with { Mode = NewFileMode } : new FileOwner(Geteuid(), Getegid(), NewFileMode);
    }

    /// <exception cref="IOException">They could not be given.</exception>
    public void GiveTo(string path)
    {
        if (FileStatus.Of(path) is { } file && (file.User != User || file.Group != Group) && Chown(path, User, Group) != 0)
            throw new UnauthorizedAccessException($"chown {User}:{Group} '{path}': {Marshal.GetLastPInvokeErrorMessage()}");
        File.SetUnixFileMode(path, Mode); // last: a change of owner may clear bits of it
    }

    /// <summary>
    /// What root makes in somebody's directory is for that user: an agent of that user has to read what a command of root
    /// wrote. As far as the file system lets; one over the network may not. A link is given away itself, never what it
    /// leads to: in that directory its owner may have put it there.
    /// </summary>
    public static void Inherit(string path)
    {
        if (Geteuid() == 0 && FileStatus.Of(Path.GetDirectoryName(path)!) is { } directory && directory.User != 0)
            _ = LinkChown(path, directory.User, directory.Group);
    }

    /// <summary>Makes a directory, and those above it, where they are missing; each <see cref="Inherit"/>s.</summary>
    /// <exception cref="IOException">It can't be made.</exception>
    public static void MakeDirectory(string directory)
    {
        if (Directory.Exists(directory))
            return;
        if (Path.GetDirectoryName(directory) is { Length: > 0 } parent)
            MakeDirectory(parent);
        Directory.CreateDirectory(directory);
        Inherit(directory);
    }

    /// <summary>Whether this process may make and rename files in a directory.</summary>
    public static bool CanWriteIn(string directory) => WhyNotWriteIn(directory) is null;

    /// <summary>Why this process may not make and rename files in a directory, as the kernel says without trying; null when it may.</summary>
    /// <returns>A read-only file system is told apart, for root too.</returns>
    public static Exception? WhyNotWriteIn(string directory)
    {
        if (Access(directory, 3) == 0) // W_OK | X_OK
            return null;
        var (error, message) = (Marshal.GetLastPInvokeError(), Marshal.GetLastPInvokeErrorMessage());
        return error == PermissionDenied ? new UnauthorizedAccessException(message) : new IOException(message, error);
    }

    private static uint[] Groups()
    {
        var count = Getgroups(0, null);
        var groups = new uint[Math.Max(count, 0)];
        return count > 0 && Getgroups(count, groups) == count ? groups : [];
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "lchown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkChown(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Geteuid();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint Getegid();

    [LibraryImport("libc", EntryPoint = "getgroups")]
    private static partial int Getgroups(int size, [Out] uint[]? groups);
}
