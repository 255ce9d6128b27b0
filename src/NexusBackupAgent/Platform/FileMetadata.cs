using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

/// <summary>What a file has beside its content and mode: owner, times and extended attributes; of a link itself, not of what it leads to.</summary>
internal static partial class FileMetadata
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const int NoData = 61; // ENODATA
    private const int TooSmall = 34; // ERANGE
    private const int LargestAttribute = 1 << 16; // XATTR_SIZE_MAX
    private const int LargestList = 1 << 16; // XATTR_LIST_MAX
    private const long LeaveAlone = (1L << 30) - 2; // UTIME_OMIT

    private static byte nothing;

    /// <summary>The extended attributes of a file, directory or link, by name; ACLs among them. Empty where the file system has none.</summary>
    /// <exception cref="IOException">They can't be read.</exception>
    public static IReadOnlyList<KeyValuePair<string, byte[]>> AttributesOf(string path)
    {
        if (List(path, ref nothing, 0) is not 0 and var size)
            return AttributesOf(path, size);
        return [];
    }

    /// <summary>The same of an open file.</summary>
    /// <param name="path">Where it was opened.</param>
    /// <exception cref="IOException">They can't be read.</exception>
    public static IReadOnlyList<KeyValuePair<string, byte[]>> AttributesOf(SafeFileHandle file, string path) =>
        List(file, ref nothing, 0) == 0 ? [] : AttributesOf(path);

    private static IReadOnlyList<KeyValuePair<string, byte[]>> AttributesOf(string path, nint size)
    {
        if (size < 0)
            return Marshal.GetLastPInvokeError() is Errno.Unsupported or Errno.NoSuchCall ? [] : throw Failure(path);
        var list = new byte[LargestList];
        size = List(path, ref list[0], list.Length);
        if (size < 0)
            throw Failure(path);
        var found = new List<KeyValuePair<string, byte[]>>();
        foreach (var name in Encoding.UTF8.GetString(list, 0, (int)size).Split('\0', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal))
        {
            if (Value(path, name) is { } value)
                found.Add(new(name, value));
        }

        return found;
    }

    /// <exception cref="IOException">It can't be set.</exception>
    public static void SetAttribute(string path, string name, byte[] value)
    {
        if (Set(path, name, value, value.Length, 0) != 0)
            throw Failure(path);
    }

    /// <exception cref="IOException">They can't be given.</exception>
    public static void SetOwner(string path, uint user, uint group)
    {
        if (Errno.Of(() => ChangeOwner(path, user, group)) is not 0 and var error)
            throw Errno.Failure(error, path);
    }

    /// <param name="modified">Nanoseconds since 1970. The time of access stays.</param>
    /// <exception cref="IOException">It can't be set.</exception>
    public static void SetModified(string path, long modified)
    {
        var (seconds, nanoseconds) = Math.DivRem(modified, 1_000_000_000);
        if (nanoseconds < 0)
            (seconds, nanoseconds) = (seconds - 1, nanoseconds + 1_000_000_000);
        Span<long> times = [0, LeaveAlone, seconds, nanoseconds];
        if (SetTimes(CurrentDirectory, path, ref times[0], NoFollow) != 0)
            throw Failure(path);
    }

    /// <summary>Gives a file a second name.</summary>
    /// <exception cref="IOException">It can't have one there.</exception>
    public static void Link(string path, string second)
    {
        if (LinkAt(CurrentDirectory, path, CurrentDirectory, second, 0) != 0)
            throw Failure(second);
    }

    private static byte[]? Value(string path, string name)
    {
        var value = new byte[256];
        var size = Get(path, name, value, value.Length);
        if (size < 0 && Marshal.GetLastPInvokeError() == TooSmall)
            size = Get(path, name, value = new byte[LargestAttribute], value.Length);
        if (size >= 0)
            return value[..(int)size];
        return Marshal.GetLastPInvokeError() is NoData or Errno.Unsupported ? null : throw Failure(path); // gone meanwhile
    }

    private static Exception Failure(string path) => Errno.Failure(Marshal.GetLastPInvokeError(), path);

    [LibraryImport("libc", EntryPoint = "llistxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint List(string path, ref byte list, nint size);

    [LibraryImport("libc", EntryPoint = "flistxattr", SetLastError = true)]
    private static partial nint List(SafeFileHandle file, ref byte list, nint size);

    [LibraryImport("libc", EntryPoint = "lgetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Get(string path, string name, [Out] byte[] value, nint size);

    [LibraryImport("libc", EntryPoint = "lsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Set(string path, string name, byte[] value, nint size, int flags);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetTimes(int directory, string path, ref long times, int flags);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkAt(int fromDirectory, string from, int toDirectory, string to, int flags);
}
