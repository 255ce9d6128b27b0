using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Trees;

/// <summary>Writes what is in directories, or what is new or changed in them since another backup.</summary>
/// <param name="base">Null: everything.</param>
internal sealed class TreeCapture(IReadOnlyList<string> roots, TreeOptions options, StoredChain? @base, ScratchDirectory scratch, DateTimeOffset capturedAt) : ICapture
{
    private const int MostListed = 1000;
    private const int ShownInMessage = 5;

    private readonly List<string> specials = [];
    private readonly List<string> unreadable = [];
    private readonly List<string> changed = [];
    private readonly List<string> vanished = [];

    public DateTimeOffset CapturedAt => capturedAt;

    public long? Length => null;

    public long ScratchNeeded => 0;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        using var workspace = scratch.NewWorkspace();
        var (inventory, deleted) = (Path.Combine(workspace.Path, "inventory"), Path.Combine(workspace.Path, "deleted"));
        var digests = await sink.WriteAsync((content, token) => WriteAsync(content, workspace.Path, inventory, deleted, token), sink.Progress, cancellationToken);
        RequireReadable();
        await sink.WritePartAsync(TreeSource.InventoryPart, ArtifactEncoding.Gzip, (content, token) => CopyAsync(inventory, content, token), cancellationToken);
        if (@base is null)
            return;
        await sink.WritePartAsync(TreeSource.DeletedPart, ArtifactEncoding.Gzip, (content, token) => CopyAsync(deleted, content, token), cancellationToken);
        sink.DeclareRestored(TreeReading.RestoredOf([.. @base.Links.Select(link => link.Content!.Value), digests.Content]));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task WriteAsync(Stream content, string work, string inventoryFile, string deletedFile, CancellationToken cancellationToken)
    {
        await using var before = await PreviousTree.OpenAsync(@base?.Tip, work, cancellationToken);
        await using var deleted = new FileStream(deletedFile, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        await using var inventory = new InventoryWriter(new FileStream(inventoryFile, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16));
        await using (var tar = new TarWriter(content, TarEntryFormat.Pax, leaveOpen: true))
        {
            var files = new TreeFiles(tar, Note);
            foreach (var found in new TreeWalk(roots, options.Patterns, path => Note(unreadable, path)).Files())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (found.Status.Type is not (FileType.Regular or FileType.Directory or FileType.SymbolicLink))
                {
                    Note(specials, found.Path);
                    continue;
                }

                await before.MoveToAsync(found.Path, path => DeleteAsync(deleted, path, cancellationToken), cancellationToken);
                var old = before.At(found.Path);
                if (await EntryAsync(files, found, old, cancellationToken) is not { } entry)
                    continue; // it is not there any more, and gone from the inventory
                before.Take(found.Path);
                if (old is not null && old.Type != entry.Type)
                    await DeleteAsync(deleted, found.Path, cancellationToken);
                await inventory.AddAsync(entry, cancellationToken);
            }

            await before.MoveToAsync(path: null, path => DeleteAsync(deleted, path, cancellationToken), cancellationToken);
        }

        await inventory.EndAsync(new TreeNotes(specials, unreadable, changed, vanished), cancellationToken);
    }

    private async Task<TreeEntry?> EntryAsync(TreeFiles files, FoundFile found, TreeEntry? old, CancellationToken cancellationToken)
    {
        try
        {
            return await files.AddAsync(found, old, cancellationToken);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            Note(vanished, found.Path);
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            Note(unreadable, found.Path);
            return null;
        }
        catch (IOException failure)
        {
            throw IoFailure.Translate(failure, $"read '{found.Place}'", found.Place);
        }
    }

    private void Note(TreeOddity oddity, string path) => Note(oddity == TreeOddity.Changed ? changed : vanished, path);

    private static void Note(List<string> list, string path)
    {
        if (list.Count < MostListed)
            list.Add(path);
    }

    /// <summary>A backup without what it may not read is not whole. All of it is named, so that it is mended at once.</summary>
    private void RequireReadable()
    {
        if (unreadable.Count == 0 || options.SkipsUnreadable)
            return;
        var named = string.Join(", ", unreadable.Take(ShownInMessage).Select(path => $"'/{path}'")) + (unreadable.Count > ShownInMessage ? $" and {unreadable.Count - ShownInMessage} more" : "");
        throw new BackupException(
            FailureKind.Permission,
            $"the user {SystemUser.Current.Name} may not read {named}",
            $"give it access (namei -l '/{unreadable[0]}' shows where it ends), leave them out with exclude:, or write unreadable: skip");
    }

    private static async Task DeleteAsync(FileStream deleted, string path, CancellationToken cancellationToken) => await deleted.WriteAsync(Encoding.UTF8.GetBytes(path + '\0'), cancellationToken);

    private static async Task CopyAsync(string file, Stream content, CancellationToken cancellationToken)
    {
        await using var written = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        await written.CopyToAsync(content, 1 << 16, cancellationToken);
    }
}

/// <summary>What happened to a file while it was read.</summary>
internal enum TreeOddity
{
    Changed,
    Vanished,
}

/// <summary>The tree as the backup before has it, gone through beside the live one.</summary>
internal sealed class PreviousTree : IAsyncDisposable
{
    private readonly InventoryReader? inventory;

    private PreviousTree(InventoryReader? inventory) => this.inventory = inventory;

    /// <param name="link">Null: there is none.</param>
    /// <exception cref="NoIncrementException">Its inventory can't be read.</exception>
    public static async Task<PreviousTree> OpenAsync(StoredLink? link, string work, CancellationToken cancellationToken)
    {
        if (link is null)
            return new PreviousTree(inventory: null);
        try
        {
            var reader = new InventoryReader(await TreeReading.OpenInventoryAsync(link, work, cancellationToken));
            await reader.MoveAsync(cancellationToken);
            return new PreviousTree(reader);
        }
        catch (Exception unread) when (unread is InvalidDataException or DamagedLinkException)
        {
            throw new NoIncrementException($"the inventory of {link.Name}, which it would build on, can't be used: {unread.Message}", link);
        }
    }

    /// <summary>What it has at a path that <see cref="MoveToAsync"/> went to; null: nothing.</summary>
    public TreeEntry? At(string path) => inventory?.Current is { } entry && entry.Path == path ? entry : null;

    /// <summary>Passes what comes before a path, all of which is gone from the live tree.</summary>
    /// <param name="path">Null: to its end.</param>
    public async Task MoveToAsync(string? path, Func<string, Task> gone, CancellationToken cancellationToken)
    {
        while (inventory?.Current is { } entry && (path is null || TreeEntry.Order(entry.Path, path) < 0))
        {
            if (!isTaken)
                await gone(entry.Path);
            isTaken = false;
            await inventory.MoveAsync(cancellationToken);
        }
    }

    /// <summary>The live tree has this path too.</summary>
    public void Take(string path) => isTaken |= At(path) is not null;

    private bool isTaken;

    public ValueTask DisposeAsync() => inventory?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Puts files into an archive as they are found.</summary>
/// <param name="note">Told what happened to one while it was read.</param>
internal sealed class TreeFiles(TarWriter tar, Action<TreeOddity, string> note)
{
    private const int Tries = 3;
    private const int LargestInMemory = 1 << 20;
    private const UnixFileMode Permissions = (UnixFileMode)0xfff;

    private readonly Dictionary<(uint Major, uint Minor, ulong Inode), string> linked = [];
    private readonly Dictionary<uint, string?> users = [];
    private readonly Dictionary<uint, string?> groups = [];
    private readonly byte[] small = GC.AllocateUninitializedArray<byte>(LargestInMemory);

    /// <summary>Writes what has changed.</summary>
    /// <param name="old">As the backup has it that this one builds on; null: not.</param>
    /// <exception cref="IOException">It can't be read, or is gone.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    public async Task<TreeEntry> AddAsync(FoundFile found, TreeEntry? old, CancellationToken cancellationToken)
    {
        var entry = Describe(found);
        if (old is not null && entry.LooksLike(old))
            return old with { IsStored = false };
        entry = entry with { Attributes = AttributesOf(found.Place) };
        if (entry.Type == TreeEntryType.File && !entry.IsHardLink)
            return await AddFileAsync(found, entry, old, cancellationToken);
        if (old is not null && entry.IsSameAs(old))
            return entry with { IsStored = false };
        await tar.WriteEntryAsync(TarOf(entry), cancellationToken);
        return entry;
    }

    private async Task<TreeEntry> AddFileAsync(FoundFile found, TreeEntry entry, TreeEntry? old, CancellationToken cancellationToken)
    {
        for (var left = Tries - 1; ; left--)
        {
            using var file = RegularFile.OpenRead(found.Place);
            if (FileStatus.Of(file) is not { } opened)
                throw new FileNotFoundException($"'{found.Place}' is gone");
            entry = Describe(found with { Status = opened }) with { Attributes = entry.Attributes };
            if (old is { Sha256: not null } && old.Size == entry.Size && entry.Size > 0)
            {
                var same = entry with { Sha256 = await HashAsync(file, entry.Size, cancellationToken), IsStored = false };
                if (same.IsSameAs(old) && IsStill(file, opened))
                    return same;
            }

            if (entry.Size <= LargestInMemory)
            {
                var length = await ReadAsync(file, cancellationToken);
                if (left > 0 && !(length == entry.Size && IsStill(file, opened)))
                    continue;
                entry = entry with { Size = length, Sha256 = Convert.ToHexStringLower(SHA256.HashData(small.AsSpan(0, length))) };
                await tar.WriteEntryAsync(TarOf(entry, new MemoryStream(small, 0, length, writable: false)), cancellationToken);
            }
            else
            {
                await using var content = new FixedLengthStream(file, entry.Size);
                await tar.WriteEntryAsync(TarOf(entry, content), cancellationToken);
                entry = entry with { Sha256 = content.Sha256 };
                if (left > 0 && !IsStill(file, opened))
                    continue; // the later of two entries of one name counts, for tar too
            }

            if (!IsStill(file, opened))
                note(TreeOddity.Changed, found.Path);
            return entry;
        }
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
            status.Changed,
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
        var key = (status.Major, status.Minor, status.Inode);
        if (linked.TryGetValue(key, out var first))
            return first == found.Path ? null : first;
        linked[key] = found.Path;
        return null;
    }

    private static string? NameOf(Dictionary<uint, string?> known, uint id, Func<uint, string> ask)
    {
        if (known.TryGetValue(id, out var name))
            return name;
        name = ask(id);
        return known[id] = name == id.ToString(CultureInfo.InvariantCulture) ? null : name;
    }

    private static Dictionary<string, string>? AttributesOf(string place)
    {
        var attributes = FileMetadata.AttributesOf(place);
        return attributes.Count == 0 ? null : attributes.ToDictionary(attribute => attribute.Key, attribute => Convert.ToBase64String(attribute.Value), StringComparer.Ordinal);
    }

    private static bool IsStill(SafeFileHandle file, FileStatus before) =>
        FileStatus.Of(file) is { } now && (now.Length, now.Modified, now.Changed) == (before.Length, before.Modified, before.Changed);

    private async Task<int> ReadAsync(SafeFileHandle file, CancellationToken cancellationToken)
    {
        var length = 0;
        while (length < small.Length && await RandomAccess.ReadAsync(file, small.AsMemory(length), length, cancellationToken) is > 0 and var read)
            length += read;
        return length;
    }

    private static async Task<string> HashAsync(SafeFileHandle file, long length, CancellationToken cancellationToken)
    {
        await using var content = new FixedLengthStream(file, length);
        await content.CopyToAsync(Stream.Null, 1 << 17, cancellationToken);
        return content.Sha256;
    }

    private static PaxTarEntry TarOf(TreeEntry entry, Stream? content = null)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in entry.Attributes ?? new Dictionary<string, string>(StringComparer.Ordinal))
            TreeAttributes.Add(attributes, name, value);
        var type = entry switch { { Type: TreeEntryType.Directory } => TarEntryType.Directory, { Type: TreeEntryType.SymbolicLink } => TarEntryType.SymbolicLink, { IsHardLink: true } => TarEntryType.HardLink, _ => TarEntryType.RegularFile };
        var made = new PaxTarEntry(type, type == TarEntryType.Directory ? entry.Path + "/" : entry.Path, attributes)
        {
            Mode = (UnixFileMode)entry.Mode,
            Uid = (int)entry.User,
            Gid = (int)entry.Group,
            UserName = entry.UserName ?? "",
            GroupName = entry.GroupName ?? "",
            ModificationTime = TreeTimes.InArchive(entry.Modified),
        };
        if (entry.Target is not null)
            made.LinkName = entry.Target;
        if (content is not null)
            made.DataStream = content;
        return made;
    }
}

/// <summary>The archive's library knows a time to 100 nanoseconds; the inventory has it to one.</summary>
internal static class TreeTimes
{
    private const int NanosecondsPerTick = 100;

    public static DateTimeOffset InArchive(long nanoseconds) => DateTimeOffset.UnixEpoch.AddTicks((long)Math.Floor((decimal)nanoseconds / NanosecondsPerTick));
}

/// <summary>How extended attributes stand in an archive, so that tar and bsdtar restore them.</summary>
internal static class TreeAttributes
{
    private const string OfText = "SCHILY.xattr."; // GNU tar --xattrs
    private const string OfBytes = "LIBARCHIVE.xattr."; // bsdtar, in Base64

    public static void Add(Dictionary<string, string> header, string name, string base64)
    {
        header[OfBytes + Uri.EscapeDataString(name)] = base64.TrimEnd('=');
        var value = Convert.FromBase64String(base64);
        if (AclText.Of(name, value) is { } acl)
            header[name == AclText.Default ? "SCHILY.acl.default" : "SCHILY.acl.access"] = acl;
        else if (System.Text.Unicode.Utf8.IsValid(value) && !value.Contains((byte)0))
            header[OfText + name] = Encoding.UTF8.GetString(value);
    }
}

/// <summary>An access control list in words, as GNU tar reads it (acl(5)).</summary>
internal static class AclText
{
    public const string Access = "system.posix_acl_access";
    public const string Default = "system.posix_acl_default";

    private const int EntrySize = 8;
    private const uint Version = 2;

    /// <returns>Null: it is no such list.</returns>
    public static string? Of(string attribute, ReadOnlySpan<byte> value)
    {
        if (attribute is not (Access or Default) || value.Length < 4 || (value.Length - 4) % EntrySize != 0 || BitConverter.ToUInt32(value) != Version)
            return null;
        var entries = new List<string>();
        for (var at = value[4..]; at.Length > 0; at = at[EntrySize..])
        {
            var (tag, rights, id) = (BitConverter.ToUInt16(at), BitConverter.ToUInt16(at[2..]), BitConverter.ToUInt32(at[4..]));
            var who = tag switch { 1 => "user:", 2 => $"user:{id}", 4 => "group:", 8 => $"group:{id}", 16 => "mask:", 32 => "other:", _ => null };
            if (who is null)
                return null;
            entries.Add($"{who}:{((rights & 4) != 0 ? 'r' : '-')}{((rights & 2) != 0 ? 'w' : '-')}{((rights & 1) != 0 ? 'x' : '-')}");
        }

        return string.Join(',', entries);
    }
}

/// <summary>A file that is read from its beginning as long as it was when it was opened: what comes later is left out, and what was cut off meanwhile reads as zeros.</summary>
internal sealed class FixedLengthStream(SafeFileHandle file, long length) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long position;

    /// <summary>Of what was read.</summary>
    public string Sha256 => Convert.ToHexStringLower(hash.GetCurrentHash());

    public override bool CanRead => true;

    public override bool CanSeek => true; // its length is known

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var wanted = buffer[..(int)Math.Min(buffer.Length, length - position)];
        if (wanted.Length == 0)
            return 0;
        var read = await RandomAccess.ReadAsync(file, wanted, position, cancellationToken);
        if (read == 0)
        {
            wanted.Span.Clear();
            read = wanted.Length;
        }

        hash.AppendData(wanted.Span[..read]);
        position += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("It is read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        hash.Dispose();
        base.Dispose(disposing);
    }
}
