using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>Which file a path leads to, whatever links, hard links and mounts it goes through, whose it is and when it changed (statx, Linux 4.11).</summary>
/// <param name="Major">Of the device.</param>
/// <param name="Minor">Of the device.</param>
/// <param name="Inode">On the device.</param>
/// <param name="User">The owner's number.</param>
/// <param name="Group">The group's number.</param>
/// <param name="Type">What it is.</param>
/// <param name="Names">How many names it has (hard links).</param>
/// <param name="IsMountPoint">Whether something is mounted at just this path, a single file for example (Linux 5.8+).</param>
/// <param name="Length">Bytes.</param>
/// <param name="Modified">Nanoseconds since 1970, as exact as the file system's clock (often 4 ms).</param>
/// <param name="Changed">As that, of the content or of owner, mode and links; no program can set it.</param>
/// <param name="Mode">Who may do what.</param>
internal readonly partial record struct FileStatus(uint Major, uint Minor, ulong Inode, uint User, uint Group, FileType Type, uint Names, bool IsMountPoint, ulong Length, long Modified, long Changed, UnixFileMode Mode)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int NoLink = 0x100; // AT_SYMLINK_NOFOLLOW
    private const int ItSelf = 0x1000; // AT_EMPTY_PATH
    private const uint Wanted = 0x100 | 0x8 | 0x10 | 0x1 | 0x2 | 0x4 | 0x200 | 0x40 | 0x80; // STATX_INO | UID | GID | TYPE | MODE | NLINK | SIZE | MTIME | CTIME

    // struct statx has the same layout on every architecture.
    private const int StatxSize = 256;
    private const int AttributesOffset = 8;
    private const int NamesOffset = 16;
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
    private const ulong MountRoot = 0x2000; // STATX_ATTR_MOUNT_ROOT
    private const ulong AppendOnly = 0x20; // STATX_ATTR_APPEND
    private const int ModeMask = 0xFFF;

    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public static FileStatus? Of(string path) => Of(CurrentDirectory, path);

    /// <param name="directory">An open directory's number, from which a relative path goes out.</param>
    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public static FileStatus? Of(int directory, string path) => Ask(directory, path, flags: 0);

    /// <summary>The same of a link itself, if the path is one.</summary>
    public static FileStatus? OfNoLink(int directory, string path) => Ask(directory, path, NoLink);

    /// <summary>The same of a link itself, if the path is one.</summary>
    public static FileStatus? OfNoLink(string path) => Ask(CurrentDirectory, path, NoLink);

    /// <summary>Of an open file or directory.</summary>
    public static FileStatus? Of(SafeFileHandle opened) => Ask((int)opened.DangerousGetHandle(), "", ItSelf);

    private static FileStatus? Ask(int directory, string path, int flags)
    {
        Span<byte> answer = stackalloc byte[StatxSize];
        if (!OperatingSystem.IsLinux() || Statx(directory, path, flags, Wanted, ref MemoryMarshal.GetReference(answer)) != 0)
            return null;
        return new FileStatus(
            MemoryMarshal.Read<uint>(answer[MajorOffset..]),
            MemoryMarshal.Read<uint>(answer[MinorOffset..]),
            MemoryMarshal.Read<ulong>(answer[InodeOffset..]),
            MemoryMarshal.Read<uint>(answer[UserOffset..]),
            MemoryMarshal.Read<uint>(answer[GroupOffset..]),
            (FileType)(MemoryMarshal.Read<ushort>(answer[ModeOffset..]) & TypeMask),
            MemoryMarshal.Read<uint>(answer[NamesOffset..]),
            (MemoryMarshal.Read<ulong>(answer[AttributesOffset..]) & MountRoot) != 0,
            MemoryMarshal.Read<ulong>(answer[LengthOffset..]),
            Nanoseconds(answer[ModifiedOffset..]),
            Nanoseconds(answer[ChangedOffset..]),
            (UnixFileMode)(MemoryMarshal.Read<ushort>(answer[ModeOffset..]) & ModeMask))
        {
            IsAppendOnly = (MemoryMarshal.Read<ulong>(answer[AttributesOffset..]) & AppendOnly) != 0,
        };
    }

    /// <summary>Whether files can be made in this directory, and neither renamed nor removed (<c>chattr +a</c>).</summary>
    public bool IsAppendOnly { get; private init; }

    /// <summary>When its content, name, mode or owner last changed, UTC, to the millisecond.</summary>
    public DateTimeOffset ChangedAt => DateTimeOffset.FromUnixTimeMilliseconds(Changed / 1_000_000);

    /// <summary>How the agent gets into a directory and writes there. Root, who gets in everywhere, answers for an agent that is not root where that is likely.</summary>
    public DirectoryEntry Entry
    {
        get
        {
            const UnixFileMode Others = UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
            var me = SystemUser.Current;
            if (me.IsRoot ? User != 0 : User == me.Id)
                return DirectoryEntry.Owner;
            if (Mode.HasFlag(FileOwner.GroupAccess) && (me.IsRoot ? Group != 0 : new SystemGroup(Group).IsMine))
                return DirectoryEntry.Group;
            return me.IsRoot && !Mode.HasFlag(Others) ? DirectoryEntry.Owner : DirectoryEntry.Others;
        }
    }

    /// <summary>What a directory lets others do. A group by which the agent itself gets in is none of them.</summary>
    public UnixFileMode OpenToOthers =>
        Mode & FileOwner.OthersAccess & ~(Entry == DirectoryEntry.Group ? FileOwner.GroupAccess : UnixFileMode.None);

    /// <summary>No directory, device, pipe or socket.</summary>
    public bool IsRegular => Type == FileType.Regular;

    /// <summary>Whether both are on one file system. False when either is not there.</summary>
    public static bool AreOnOneDisk(string one, string other) =>
        Of(one) is { } here && Of(other) is { } there && (here.Major, here.Minor) == (there.Major, there.Minor);

    /// <summary>Equal for what lies on one file system; null when it is not there.</summary>
    public static string? DiskOf(string path) => Of(path) is { } status ? $"{status.Major}:{status.Minor}" : null;

    public bool IsSameFileAs(FileStatus other) => (Major, Minor, Inode) == (other.Major, other.Minor, other.Inode);

    /// <param name="time">struct statx_timestamp: seconds, then nanoseconds.</param>
    private static long Nanoseconds(ReadOnlySpan<byte> time) => (MemoryMarshal.Read<long>(time) * 1_000_000_000) + MemoryMarshal.Read<uint>(time[8..]);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, ref byte answer);
}

/// <summary>By which of a directory's permissions the agent works there.</summary>
internal enum DirectoryEntry
{
    Owner,
    Group,
    Others,
}

/// <summary>What a path leads to, as the type bits of its mode tell (S_IFMT).</summary>
internal enum FileType
{
    Unknown = 0,
    NamedPipe = 0x1000,
    CharacterDevice = 0x2000,
    Directory = 0x4000,
    BlockDevice = 0x6000,
    Regular = 0x8000,
    SymbolicLink = 0xA000,
    Socket = 0xC000,
}

/// <summary>Owner, group and mode of a file, to be given to the one that takes its place.</summary>
internal readonly partial record struct FileOwner(uint User, uint Group, UnixFileMode Mode)
{
    /// <summary>0700. Whoever may read a lock in it could hold that lock.</summary>
    public const UnixFileMode OwnersDirectory = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>What nobody but the owner has in a private place.</summary>
    public const UnixFileMode OthersAccess = (UnixFileMode)0x3f; // 0077

    /// <summary>All that a group may have in a directory: 0070.</summary>
    public const UnixFileMode GroupAccess = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;

    // A database holds everything, and nothing of it is for other users; its service may have it by its group.
    private const UnixFileMode NewFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    /// <summary>User and group as <c>chown</c> takes them: <c>nexus:nexus</c>.</summary>
    public string Names => $"{new SystemUser(User).Name}:{new SystemGroup(Group).Name}";

    /// <summary>The mode as <c>chmod</c> takes it: <c>0640</c>.</summary>
    public string Octal => Convert.ToString((int)Mode, toBase: 8).PadLeft(4, '0');

    /// <summary>Whether this process may give them away: root may, others only what is theirs.</summary>
    public bool CanBeGiven => Geteuid() is var me && (me == 0 || (me == User && (Getegid() == Group || Groups().Contains(Group))));

    /// <exception cref="IOException">The file can't be asked.</exception>
    public static FileOwner Of(string path) =>
        FileStatus.Of(path) is { } file ? new FileOwner(file.User, file.Group, file.Mode) : throw new FileNotFoundException($"cannot look at '{path}'", path);

    /// <summary>Of a new file in a directory: root makes it for whom the directory belongs to, others for themselves.</summary>
    public static FileOwner ForNewIn(string directory)
    {
        var owner = Of(directory);
        return Geteuid() == 0 ? owner with { Mode = NewFileMode } : new FileOwner(Geteuid(), Getegid(), NewFileMode);
    }

    /// <summary>Gives an open file back to whom it belonged to, if somebody else got it. As far as the file system lets.</summary>
    public static void GiveBack(SafeFileHandle file, FileStatus before)
    {
        if (FileStatus.Of(file) is { } now && (now.User, now.Group) != (before.User, before.Group))
            _ = HandleChown(file, before.User, before.Group);
    }

    /// <summary>Makes a directory, and those above it, where they are missing, for its owner alone; root makes each for whom the one above it belongs to.</summary>
    /// <exception cref="IOException">It can't be made.</exception>
    public static void MakeDirectory(string directory)
    {
        if (Directory.Exists(directory))
            return;
        if (Path.GetDirectoryName(directory) is { Length: > 0 } parent)
            MakeDirectory(parent);
        SafeFile.MakeDirectory(directory, OwnersDirectory);
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
        return error == Errno.Denied ? new UnauthorizedAccessException(message) : new IOException(message, error);
    }

    /// <summary>Whether this process may give a file of its own to a group.</summary>
    public static bool CanGiveTo(SystemGroup group) => Geteuid() == 0 || Getegid() == group.Id || Groups().Contains(group.Id);

    private static uint[] Groups()
    {
        var count = Getgroups(0, null);
        var groups = new uint[Math.Max(count, 0)];
        return count > 0 && Getgroups(count, groups) == count ? groups : [];
    }

    [LibraryImport("libc", EntryPoint = "fchown")]
    private static partial int HandleChown(SafeFileHandle file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Geteuid();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint Getegid();

    [LibraryImport("libc", EntryPoint = "getgroups")]
    private static partial int Getgroups(int size, [Out] uint[]? groups);
}

/// <summary>Which file a path leads to, as a key: device and inode.</summary>
internal static class FileIdentity
{
    /// <returns>The same text for the same file; the path itself where the file can't be asked.</returns>
    public static string Of(string path) => FileStatus.Of(path) is { } file ? $"{file.Major:x}:{file.Minor:x}:{file.Inode:x}" : path;
}
