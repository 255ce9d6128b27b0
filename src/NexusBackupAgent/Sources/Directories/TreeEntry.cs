using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>What an entry of a tree is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TreeEntryType>))]
internal enum TreeEntryType
{
    [JsonStringEnumMemberName("file")]
    File,

    [JsonStringEnumMemberName("directory")]
    Directory,

    [JsonStringEnumMemberName("link")]
    SymbolicLink,
}

/// <summary>A file, directory or link of a tree as it was captured: a line of the inventory.</summary>
/// <param name="Path">From the root of the file system on, without the slash: as it is named in the archive.</param>
/// <param name="Mode">Permission bits.</param>
/// <param name="Modified">Nanoseconds since 1970.</param>
/// <param name="Changed">Likewise, of whatever is known of it; no program can set it. 0: so short before it was captured that a later change may bear the same time.</param>
/// <param name="Size">Bytes of a file; 0 of others.</param>
/// <param name="Sha256">Of a file's content; null of others, and of a further name of a file that came before.</param>
/// <param name="Target">Where a symbolic link leads; of a further name of a file, the first one.</param>
/// <param name="Attributes">Extended attributes, in Base64.</param>
/// <param name="IsStored">Whether the archive of this backup holds it; otherwise one that it builds on does.</param>
internal sealed record TreeEntry(
    string Path,
    TreeEntryType Type,
    int Mode,
    uint User,
    uint Group,
    string? UserName,
    string? GroupName,
    long Modified,
    long Changed,
    ulong Inode,
    long Size,
    string? Sha256,
    string? Target,
    IReadOnlyDictionary<string, string>? Attributes,
    bool IsStored)
{
    /// <summary>Whether it is a further name of a file that came before.</summary>
    [JsonIgnore]
    public bool IsHardLink => Type == TreeEntryType.File && Target is not null;

    /// <summary>Whether nothing that the system tells of it has changed.</summary>
    public bool LooksLike(TreeEntry before) => before.Changed != 0 && this with { Sha256 = before.Sha256, IsStored = before.IsStored, Attributes = null, UserName = before.UserName, GroupName = before.GroupName } == before with { Attributes = null };

    /// <summary>Whether a restore of either gives the same.</summary>
    public bool IsSameAs(TreeEntry before) =>
        this with { Changed = 0, Inode = 0, IsStored = false, Attributes = null, UserName = null, GroupName = null } == before with { Changed = 0, Inode = 0, IsStored = false, Attributes = null, UserName = null, GroupName = null }
        && HasAttributesOf(before);

    /// <summary>Its name for messages.</summary>
    [JsonIgnore]
    public string Shown => LineText.Of("/" + Path);

    /// <summary>As people see it.</summary>
    public CapturedFile ToStored() => new(
        "/" + Path,
        IsHardLink ? "hardLink" : Type switch { TreeEntryType.Directory => "directory", TreeEntryType.SymbolicLink => "link", _ => "file" },
        Size,
        DateTimeOffset.UnixEpoch.AddTicks(Modified / 100),
        IsHardLink ? "/" + Target : Target,
        Mode,
        $"{UserName ?? User.ToString(CultureInfo.InvariantCulture)}:{GroupName ?? Group.ToString(CultureInfo.InvariantCulture)}",
        Sha256);

    /// <summary>What would be different if this took the place of what is there; null: nothing that is seen from outside.</summary>
    /// <param name="owner">Whom it is given to; null: whose it was.</param>
    public string? DifferenceFrom(FoundFile there, ChosenOwner? owner)
    {
        var status = there.Status;
        var type = status.Type switch { FileType.Regular => TreeEntryType.File, FileType.Directory => TreeEntryType.Directory, FileType.SymbolicLink => TreeEntryType.SymbolicLink, _ => (TreeEntryType?)null };
        if (type != Type)
            return $"{status.Type.Name()} is there";
        var different = new List<string>();
        if (Type == TreeEntryType.File && !IsHardLink && ((long)status.Length != Size || status.Modified != Modified))
            different.Add((long)status.Length != Size ? "content" : "time");
        if (Type == TreeEntryType.SymbolicLink && new FileInfo(there.Place).LinkTarget != Target)
            different.Add("content");
        if (Type != TreeEntryType.SymbolicLink && (int)status.Mode != Mode)
            different.Add("mode");
        if ((status.User, status.Group) != (owner?.User ?? User, owner?.Group ?? Group))
            different.Add("owner");
        return different.Count > 0 ? string.Join(", ", different) : null;
    }

    private bool HasAttributesOf(TreeEntry other)
    {
        var (mine, theirs) = (Attributes ?? NoAttributes, other.Attributes ?? NoAttributes);
        return mine.Count == theirs.Count && mine.All(attribute => theirs.TryGetValue(attribute.Key, out var value) && value == attribute.Value);
    }

    public static readonly IReadOnlyDictionary<string, string> NoAttributes = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>How two paths follow each other where a directory's own entries come right behind it.</summary>
    public static int Order(string path, string other)
    {
        var length = Math.Min(path.Length, other.Length);
        for (var at = 0; at < length; at++)
        {
            if (path[at] != other[at])
                return path[at] == '/' ? -1 : other[at] == '/' ? 1 : path[at] - other[at];
        }

        return path.Length - other.Length;
    }
}

/// <summary>What was left out of a tree, or could not be captured as it stood: the inventory's last line.</summary>
/// <param name="Specials">Sockets, pipes and devices.</param>
/// <param name="Unreadable">What this user may not read, left out because the configuration says so.</param>
/// <param name="Changed">Files that changed each time while they were read: what is stored is of several instants.</param>
/// <param name="Vanished">Files that were deleted while they were read.</param>
internal sealed record TreeNotes(IReadOnlyList<string> Specials, IReadOnlyList<string> Unreadable, IReadOnlyList<string> Changed, IReadOnlyList<string> Vanished)
{
    private const int Shown = 3;

    /// <summary>Files whose content is another one than before, although nothing says that they were written.</summary>
    public IReadOnlyList<string> Decayed { get; init; } = [];

    public override string ToString() => string.Join("; ", new[]
    {
        Text(Specials, "special file was left out", "special files were left out"),
        Text(Unreadable, "could not be read and was left out", "could not be read and were left out"),
        Text(Changed, "changed each time it was read, so that what is stored of it is of several instants", "changed each time they were read, so that what is stored of them is of several instants"),
        Text(Decayed, "has another content than before, although nothing says that it was written: see whether its disk decays", "have another content than before, although nothing says that they were written: see whether their disk decays"),
        Text(Vanished, "was deleted while it was read", "were deleted while they were read"),
    }.Where(text => text.Length > 0));

    private static string Text(IReadOnlyList<string> paths, string one, string many) => paths.Count == 0 ? ""
        : $"{paths.Count} {(paths.Count == 1 ? one : many)}: {string.Join(", ", paths.Take(Shown).Select(path => LineText.Of("/" + path)))}{(paths.Count > Shown ? ", …" : "")}";
}

/// <summary>A line of an inventory: an entry, or what ends it.</summary>
internal sealed record TreeLine(TreeEntry? Entry, TreeNotes? End);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(TreeLine))]
internal sealed partial class TreeJson : JsonSerializerContext;

/// <summary>Writes an inventory, an entry a line, in the order of the tree.</summary>
internal sealed class InventoryWriter : IAsyncDisposable
{
    private const int Block = 1 << 16;

    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    private readonly Stream target;
    private readonly TreeFingerprint fingerprint = new();
    private readonly ArrayBufferWriter<byte> lines = new(2 * Block);
    private readonly Utf8JsonWriter json;

    public InventoryWriter(Stream target) => (this.target, json) = (target, new Utf8JsonWriter(lines));

    public Task AddAsync(TreeEntry entry, CancellationToken cancellationToken)
    {
        fingerprint.Add(entry);
        return WriteAsync(new TreeLine(entry, End: null), cancellationToken);
    }

    /// <summary>An inventory without its end is no inventory.</summary>
    /// <returns>The fingerprint of all that was added.</returns>
    public async Task<string> EndAsync(TreeNotes notes, CancellationToken cancellationToken)
    {
        await WriteAsync(new TreeLine(Entry: null, notes), cancellationToken);
        await target.WriteAsync(lines.WrittenMemory, cancellationToken);
        lines.ResetWrittenCount();
        return fingerprint.Complete();
    }

    public async ValueTask DisposeAsync()
    {
        fingerprint.Dispose();
        await json.DisposeAsync();
        await target.DisposeAsync();
    }

    private async Task WriteAsync(TreeLine line, CancellationToken cancellationToken)
    {
        json.Reset();
        JsonSerializer.Serialize(json, line, TreeJson.Default.TreeLine);
        json.Flush();
        lines.Write(LineEnd);
        if (lines.WrittenCount < Block)
            return;
        await target.WriteAsync(lines.WrittenMemory, cancellationToken);
        lines.ResetWrittenCount();
    }
}

/// <summary>Reads an inventory, an entry at a time.</summary>
/// <param name="fingerprint">Given each entry as it is read; null: nobody wants it.</param>
internal sealed class InventoryReader(Stream source, TreeFingerprint? fingerprint = null) : IAsyncDisposable
{
    private const int LongestLine = 1 << 22;
    private const int Block = 1 << 16;

    private byte[] buffer = new byte[Block];
    private int begin;
    private int end;
    private string? last;

    /// <summary>The next entry; null at the end.</summary>
    public TreeEntry? Current { get; private set; }

    /// <summary>What ended it; null before that.</summary>
    public TreeNotes? End { get; private set; }

    /// <exception cref="InvalidDataException">It is no inventory, or ends in the middle.</exception>
    public async ValueTask MoveAsync(CancellationToken cancellationToken)
    {
        Current = null;
        if (End is not null)
            return;
        var length = await FindLineAsync(cancellationToken) ?? throw new InvalidDataException("its inventory has no end");
        var read = Parse(buffer.AsSpan(begin, length));
        begin += length + 1;
        if (read.Entry is { } entry && last is not null && TreeEntry.Order(last, entry.Path) >= 0)
            throw new InvalidDataException($"its inventory has '{entry.Shown}' behind '{LineText.Of("/" + last)}'");
        (Current, End, last) = (read.Entry, read.End, read.Entry?.Path);
        if (Current is not null)
            fingerprint?.Add(Current);
        if (End is not null && (begin < end || await source.ReadAsync(buffer, cancellationToken) > 0))
            throw new InvalidDataException("its inventory goes on behind its end");
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();

    /// <returns>Bytes of the line that begins where the last one ended; null: it does not end.</returns>
    private async ValueTask<int?> FindLineAsync(CancellationToken cancellationToken)
    {
        for (var seen = 0; ;)
        {
            if (buffer.AsSpan(begin + seen, end - begin - seen).IndexOf((byte)'\n') is >= 0 and var more)
                return seen + more;
            seen = end - begin;
            if (seen > LongestLine)
                return null;
            var room = seen > buffer.Length / 2 ? new byte[2 * buffer.Length] : buffer;
            buffer.AsSpan(begin, seen).CopyTo(room);
            (buffer, begin, end) = (room, 0, seen);
            if (await source.ReadAsync(buffer.AsMemory(end), cancellationToken) is not (> 0 and var read))
                return null;
            end += read;
        }
    }

    private static TreeLine Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, TreeJson.Default.TreeLine) is { } read && (read.Entry is { Path.Length: > 0 }) != (read.End is not null)
                ? read
                : throw new InvalidDataException("its inventory has a line that is neither an entry nor its end");
        }
        catch (JsonException odd)
        {
            throw new InvalidDataException($"its inventory can't be read: {odd.Message}", odd);
        }
    }
}
