using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>What is to be backed up can't be read. Failures of where the backup goes are others.</summary>
internal sealed class TreeReadException(Exception failure) : Exception(failure.Message, failure)
{
    /// <summary>Whether it is not there any more; what has its name may be something else.</summary>
    public bool IsGone => InnerException is FileNotFoundException or DirectoryNotFoundException or NotRegularFileException;

    public static T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw new TreeReadException(failure);
        }
    }

    public static async ValueTask<T> GuardAsync<T>(Func<ValueTask<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw new TreeReadException(failure);
        }
    }
}

/// <summary>Puts files into an archive as they are found.</summary>
/// <param name="note">Told what happened to one while it was read.</param>
internal sealed class TreeFiles(TarWriter tar, TimeProvider timeProvider, Action<TreeOddity, string> note)
{
    private const int Tries = 3;
    private const int LargestInMemory = 1 << 20;
    private const long Unsettled = 0;
    private const UnixFileMode Permissions = (UnixFileMode)0xfff;

    /// <summary>How exact the times of a file system are at worst. What changed so lately may change again and bear the same time.</summary>
    private static readonly TimeSpan Exactness = TimeSpan.FromSeconds(2);

    private readonly Dictionary<(uint Major, uint Minor, ulong Inode), (string Path, bool IsStored)> linked = [];
    private readonly Dictionary<string, string> realRoots = new(StringComparer.Ordinal);
    private readonly Dictionary<uint, string?> users = [];
    private readonly Dictionary<uint, string?> groups = [];
    private readonly byte[] small = GC.AllocateUninitializedArray<byte>(LargestInMemory);

    /// <summary>Whether the archive has an entry.</summary>
    public bool HasWritten { get; private set; }

    /// <summary>Whether the kernel is asked to open nothing through a link; false as on one that can't (Linux before 5.6), or may not.</summary>
    public bool AsksKernel { get; init; } = true;

    /// <summary>Writes what has changed.</summary>
    /// <param name="old">As the backup has it that this one builds on; null: not.</param>
    /// <exception cref="TreeReadException">It can't be read, or is gone.</exception>
    public async Task<TreeEntry> AddAsync(FoundFile found, TreeEntry? old, CancellationToken cancellationToken)
    {
        var entry = TreeReadException.Guard(() => Describe(found));
        if (entry.IsHardLink && linked[Identify(found.Status)].IsStored)
            old = null; // a further name goes with the content of the first one, which is a new file when it is unpacked
        if (old is not null && entry.LooksLike(old))
            return Remember(old with { IsStored = false }, found.Status);
        if (entry.Type == TreeEntryType.File && !entry.IsHardLink)
            return await AddFileAsync(found, entry, old, cancellationToken);
        entry = entry with { Attributes = TreeReadException.Guard(() => AttributesOf(FileMetadata.AttributesOf(found.Place))) };
        if (old is not null && entry.IsSameAs(old))
            return entry with { IsStored = false };
        await WriteAsync(TreeTar.Of(entry), cancellationToken);
        return entry;
    }

    private async Task<TreeEntry> AddFileAsync(FoundFile found, TreeEntry entry, TreeEntry? old, CancellationToken cancellationToken)
    {
        var tries = new ReadTries();
        try
        {
            return await ReadFileAsync(found, entry, old, tries, cancellationToken);
        }
        catch (TreeReadException unread) when (unread.IsGone && tries.Written is { } written)
        {
            note(TreeOddity.Changed, found.Path); // the archive has it, as it was read before it went
            return Remember(written, tries.Opened);
        }
    }

    private async Task<TreeEntry> ReadFileAsync(FoundFile found, TreeEntry entry, TreeEntry? old, ReadTries tries, CancellationToken cancellationToken)
    {
        for (var left = Tries - 1; ; left--)
        {
            var opened = default(FileStatus);
            using var file = TreeReadException.Guard(() => TryOpen(found, isFirst: left == Tries - 1, out opened));
            if (file is null)
            {
                // Something else has its name now, perhaps a link that leads elsewhere: that is not what was meant.
                if (left > 0)
                    continue;
                throw new TreeReadException(new FileNotFoundException($"'{found.Place}' is another file each time"));
            }

            entry = TreeReadException.Guard(() => Describe(found with { Status = opened }) with { Attributes = AttributesOf(FileMetadata.AttributesOf(file, found.Place)), Target = null });
            if (old is { Sha256: not null } && old.Size == entry.Size && entry.Size > 0)
            {
                var same = entry with { Sha256 = await HashAsync(file, entry.Size, cancellationToken), IsStored = false };
                if (same.IsSameAs(old) && IsStill(file, opened))
                    return Remember(same, opened);
            }

            bool isStill;
            if (entry.Size <= LargestInMemory)
            {
                var length = TreeReadException.Guard(() => Read(file, (int)entry.Size));
                isStill = length == entry.Size && IsStill(file, opened);
                if (left > 0 && !isStill)
                    continue;
                entry = entry with { Size = length, Sha256 = Convert.ToHexStringLower(SHA256.HashData(small.AsSpan(0, length))) };
                await WriteAsync(TreeTar.Of(entry, new MemoryStream(small, 0, length, writable: false)), cancellationToken);
            }
            else
            {
                var map = SparseMap.Of(file, entry.Size);
                await using var content = new FileContentStream(file, entry.Size, map);
                await WriteAsync(TreeTar.Of(entry, content, map), cancellationToken);
                entry = entry with { Sha256 = content.Sha256 };
                (tries.Written, tries.Opened) = (entry, opened);
                isStill = IsStill(file, opened);
                if (left > 0 && !isStill)
                    continue; // the later of two entries of one name counts, for tar too
            }

            if (!isStill)
                note(TreeOddity.Changed, found.Path);
            return Remember(entry, opened);
        }
    }

    /// <summary>Opens what was found. A directory on the way may be a link by now, which leads out of the source.</summary>
    /// <param name="isFirst">Whether it was looked at just now.</param>
    /// <returns>Null: something else is there, or it can't be reached without a link.</returns>
    private SafeFileHandle? TryOpen(FoundFile found, bool isFirst, out FileStatus opened)
    {
        opened = default;
        if (!isFirst && FileStatus.OfNoLink(found.Place) is { IsRegular: false } other)
            throw new NotRegularFileException(found.Place, other.Type);
        var real = RealPathOf(found);
        if (AsksKernel && real is not null && RegularFile.TryOpenReadWithoutLinks(real, out var file))
        {
            opened = FileStatus.Of(file) ?? default;
            if (opened.IsRegular)
                return file;
            file.Dispose();
            return opened.Type == FileType.Unknown ? null : throw new NotRegularFileException(found.Place, opened.Type);
        }

        file = RegularFile.OpenRead(found.Place);
        opened = FileStatus.Of(file) ?? default;
        if (FileStatus.OfNoLink(found.Place) is { } named && named.IsSameFileAs(opened) && (real is null || new FileInfo(SafeFile.PathOf(file)).LinkTarget == real))
            return file;
        file.Dispose();
        return null;
    }

    /// <summary>Where it lies without a link on the way; null: nobody walked there.</summary>
    private string? RealPathOf(FoundFile found)
    {
        if (found.Root is not { } root || Path.GetDirectoryName(root) is not { } above)
            return null;
        if (!realRoots.TryGetValue(root, out var real))
            realRoots[root] = real = Path.Combine(KernelPath.Resolve(above), Path.GetFileName(root));
        return real == root ? found.Place : real + found.Place[root.Length..];
    }

    private async Task WriteAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        HasWritten = true;
        await tar.WriteEntryAsync(entry, cancellationToken);
    }

    private TreeEntry Describe(FoundFile found)
    {
        var status = found.Status;
        var type = status.Type switch { FileType.Directory => TreeEntryType.Directory, FileType.SymbolicLink => TreeEntryType.SymbolicLink, _ => TreeEntryType.File };
        return new TreeEntry(
            found.Path,
            type,
            (int)(status.Mode & Permissions),
            status.User,
            status.Group,
            NameOf(users, status.User, id => new SystemUser(id).Name),
            NameOf(groups, status.Group, id => new SystemGroup(id).Name),
            status.Modified,
            (timeProvider.GetUtcNow() - status.ChangedAt).Duration() < Exactness ? Unsettled : status.Changed,
            status.Inode,
            type == TreeEntryType.File ? (long)status.Length : 0,
            Sha256: null,
            type == TreeEntryType.SymbolicLink ? new FileInfo(found.Place).LinkTarget ?? throw new FileNotFoundException($"'{found.Place}' is gone") : type == TreeEntryType.File ? FirstName(found) : null,
            Attributes: null,
            IsStored: true);
    }

    /// <summary>Of a file with several names, the one that came before.</summary>
    private string? FirstName(FoundFile found)
    {
        var status = found.Status;
        if (status.Names < 2)
            return null;
        return linked.TryGetValue(Identify(status), out var first) && first.Path != found.Path ? first.Path : null;
    }

    /// <summary>Only what the backup has can be what another name leads to.</summary>
    private TreeEntry Remember(TreeEntry entry, FileStatus status)
    {
        if (entry is { Type: TreeEntryType.File, IsHardLink: false } && status.Names > 1)
            linked.TryAdd(Identify(status), (entry.Path, entry.IsStored));
        return entry;
    }

    private static (uint Major, uint Minor, ulong Inode) Identify(FileStatus status) => (status.Major, status.Minor, status.Inode);

    private static string? NameOf(Dictionary<uint, string?> known, uint id, Func<uint, string> ask)
    {
        if (known.TryGetValue(id, out var name))
            return name;
        name = ask(id);
        return known[id] = name == id.ToString(CultureInfo.InvariantCulture) ? null : name;
    }

    private static Dictionary<string, string>? AttributesOf(IReadOnlyList<KeyValuePair<string, byte[]>> attributes) =>
        attributes.Count == 0 ? null : attributes.ToDictionary(attribute => attribute.Key, attribute => Convert.ToBase64String(attribute.Value), StringComparer.Ordinal);

    private static bool IsStill(SafeFileHandle file, FileStatus before) =>
        FileStatus.Of(file) is { } now && (now.Length, now.Modified, now.Changed) == (before.Length, before.Modified, before.Changed);

    /// <summary>What grew meanwhile shows by its status.</summary>
    private int Read(SafeFileHandle file, int size)
    {
        var length = 0;
        while (length < size && RandomAccess.Read(file, small.AsSpan(length, size - length), length) is > 0 and var read)
            length += read;
        return length;
    }

    private static async Task<string> HashAsync(SafeFileHandle file, long length, CancellationToken cancellationToken)
    {
        await using var content = new FileContentStream(file, length, map: null);
        await content.CopyToAsync(Stream.Null, 1 << 17, cancellationToken);
        return content.Sha256;
    }

    /// <summary>What came of reading a file so far.</summary>
    private sealed class ReadTries
    {
        /// <summary>As the archive has it already; null: not.</summary>
        public TreeEntry? Written { get; set; }

        public FileStatus Opened { get; set; }
    }
}
