using System.IO.Enumeration;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>The files of a directory with what the kernel says of each. One question for each file: a catalog may hold half a million.</summary>
internal static partial class DirectoryListing
{
    // Every name counts, and what can't be looked at is an error and no absence.
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = default, IgnoreInaccessible = false, MatchType = MatchType.Simple };

    private const FileAttributes Nowhere = (FileAttributes)(-1); // what .NET reports for what does not exist

    /// <returns>
    /// Those that are still there when they are asked about, in the order of the directory. What is no file, such as a pipe or
    /// another directory, is among them as odd: in the place of a small file it must not pass for one that is absent.
    /// </returns>
    /// <exception cref="IOException">The directory can't be listed, or a file in it can't be asked about.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static async Task<IReadOnlyList<StoredFile>> ReadAsync(string directory, CancellationToken cancellationToken)
    {
        string[] names = [.. new FileSystemEnumerable<string>(directory, (ref entry) => entry.FileName.ToString(), Everything)];
        return await DescribeAsync(directory, names, cancellationToken);
    }

    /// <summary>Those of some names that are still there.</summary>
    /// <exception cref="IOException">One can't be asked about.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static async Task<IReadOnlyList<StoredFile>> DescribeAsync(string directory, string[] names, CancellationToken cancellationToken)
    {
        var files = new StoredFile[names.Length];
        await Sections.DoAsync(names.Length, DescribeSection, cancellationToken);
        return Array.TrueForAll(files, file => file.Name is not null) ? files : [.. files.Where(file => file.Name is not null)];

        ValueTask DescribeSection(int from, int to, CancellationToken token)
        {
            Describe(directory, names.AsSpan(from..to), files.AsSpan(from..to));
            return ValueTask.CompletedTask;
        }
    }

    /// <param name="files">Gets one for each name; one without a name has gone.</param>
    private static void Describe(string directory, ReadOnlySpan<string> names, Span<StoredFile> files)
    {
        using var folder = new OpenFolder(directory);
        for (var place = 0; place < names.Length; place++)
        {
            files[place] = folder.StatusOf(names[place]) is { } status
                ? Describe(names[place], status)
                : DescribeUnasked(new FileInfo(Path.Combine(directory, names[place])));
        }
    }

    private static StoredFile Describe(string name, FileStatus status) =>
        new(name, (long)status.Length, DateTimeOffset.UnixEpoch.AddTicks(status.Modified / TimeSpan.NanosecondsPerTick)) { ChangedAt = status.ChangedAt, IsUnfinished = status.IsRegular && IsUnfinished(name), IsOdd = !status.IsRegular };

    /// <summary>Of what the kernel's quick answer was no: a link that leads nowhere is there, and what can't be asked about is not gone.</summary>
    private static StoredFile DescribeUnasked(FileInfo file) =>
        IsThere(file) ? new StoredFile(file.Name, file.Length, new DateTimeOffset(file.LastWriteTimeUtc)) { ChangedAt = FileStatus.Of(file.FullName)?.ChangedAt, IsUnfinished = IsUnfinished(file.Name) } : default;

    /// <summary>One file, as a listing tells it.</summary>
    public static StoredFile Describe(FileInfo file) => FileStatus.Of(file.FullName) is { } status ? Describe(file.Name, status) : DescribeUnasked(file);

    private static bool IsUnfinished(string name) => name.StartsWith('.') && Unfinished().IsMatch(name);

    /// <summary>Whether something bears the path; unlike <see cref="FileSystemInfo.Exists"/> it does not take what it can't learn for a no.</summary>
    /// <exception cref="IOException">It can't be asked.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public static bool IsThere(FileSystemInfo place) => place.Attributes != Nowhere;

    [GeneratedRegex(@"^\..+\.[0-9a-f]{8}\.partial$")]
    private static partial Regex Unfinished();
}

/// <summary>A directory that is held open, so that the kernel need not walk to it again for each of a hundred thousand files.</summary>
internal sealed partial class OpenFolder : IDisposable
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC
    private const int NoWaiting = 0x800; // O_NONBLOCK: for the other end of a pipe that somebody put in the directory's place

    private readonly string path;

    public OpenFolder(string path)
    {
        this.path = path;
        if (!OperatingSystem.IsLinux())
            return;
        var opened = Open(path, CloseOnExec | NoWaiting);
        Handle = opened.IsInvalid ? null : opened;
    }

    /// <summary>Null where it can't be opened; paths do as well then.</summary>
    public SafeFileHandle? Handle { get; }

    /// <summary>Reads a small file in it whole.</summary>
    /// <returns>Its length; negative where it can't be had this way, or does not fit.</returns>
    public int Read(string file, Span<byte> buffer) => Handle is null ? -1 : SmallFile.TryRead((int)Handle.DangerousGetHandle(), file, buffer);

    /// <summary>What the kernel says of a file in it.</summary>
    /// <returns>Null where there is no file, or it can't be asked.</returns>
    public FileStatus? StatusOf(string file) =>
        Handle is null ? FileStatus.Of(Path.Combine(path, file)) : FileStatus.Of((int)Handle.DangerousGetHandle(), file);

    public void Dispose() => Handle?.Dispose();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}

/// <summary>
/// Reads a small file whole in four calls of the kernel. .NET's own way asks four more for each, two of them for a lock, and a
/// catalog may hold two hundred thousand such files.
/// </summary>
internal static unsafe partial class SmallFile
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC
    private const int NoWaiting = 0x800; // O_NONBLOCK: for the other end of a pipe that somebody put in the file's place

    private const int CurrentDirectory = -100; // AT_FDCWD

    /// <summary>Bytes; a larger file is read as any other.</summary>
    private const int Largest = 16 << 10;

    /// <returns>All its bytes; null when it can't be had this way, which says nothing about why.</returns>
    public static byte[]? TryRead(string path)
    {
        Span<byte> bytes = stackalloc byte[Largest];
        return TryRead(CurrentDirectory, path, bytes) is >= 0 and var length ? bytes[..length].ToArray() : null;
    }

    /// <param name="directory">An open directory's number, from which a relative path goes out.</param>
    /// <returns>Its length; negative when it can't be had this way, or is not shorter than the buffer.</returns>
    public static int TryRead(int directory, string path, Span<byte> buffer)
    {
        if (!OperatingSystem.IsLinux())
            return -1;
        var file = Open(directory, path, CloseOnExec | NoWaiting);
        if (file < 0)
            return -1;
        try
        {
            fixed (byte* bytes = buffer)
            {
                var length = 0;
                while (length < buffer.Length)
                {
                    var read = (int)ReadSome(file, bytes + length, buffer.Length - length);
                    if (read <= 0) // its end; a network's file system may give less than it has before that
                        return read < 0 ? -1 : length;
                    length += read;
                }
            }

            return -1;
        }
        finally
        {
            _ = Close(file);
        }
    }

    [LibraryImport("libc", EntryPoint = "openat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(int directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint ReadSome(int file, byte* buffer, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
