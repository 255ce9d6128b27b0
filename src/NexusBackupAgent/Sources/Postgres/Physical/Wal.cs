using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json.Serialization;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>A position in the WAL.</summary>
internal readonly record struct Lsn(ulong Value)
{
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static Lsn Parse(ReadOnlySpan<char> text)
    {
        var slash = text.IndexOf('/');
        return slash > 0
            && uint.TryParse(text[..slash], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var high)
            && uint.TryParse(text[(slash + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var low)
            ? new Lsn(((ulong)high << 32) | low)
            : throw new InvalidDataException($"'{text}' is no position in a WAL");
    }

    public override string ToString() => $"{Value >> 32:X}/{(uint)Value:X}";
}

/// <summary>A file of the WAL.</summary>
/// <param name="Number">From the cluster's beginning, whatever the timeline.</param>
/// <param name="Size">Bytes.</param>
internal readonly record struct WalSegment(uint Timeline, ulong Number, int Size)
{
    private const int NameLength = 24;

    public string Name => $"{Timeline:X8}{Number / PerName:X8}{Number % PerName:X8}";

    /// <summary>The part of the name that does not tell the timeline.</summary>
    [JsonIgnore]
    public string NameInTimeline => Name[8..];

    [JsonIgnore]
    public WalSegment Next => this with { Number = Number + 1 };

    [JsonIgnore]
    public Lsn Start => new(Number * (ulong)Size);

    [JsonIgnore]
    public Lsn End => Next.Start;

    private ulong PerName => 0x1_0000_0000UL / (ulong)Size;

    /// <summary>The one that the byte before a position lies in.</summary>
    public static WalSegment Before(uint timeline, Lsn end, int size) => new(timeline, (end.Value - 1) / (ulong)size, size);

    public static bool TryParse(string name, int size, out WalSegment segment)
    {
        segment = default;
        if (name.Length != NameLength
            || !uint.TryParse(name.AsSpan(0, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var timeline)
            || !uint.TryParse(name.AsSpan(8, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var high)
            || !uint.TryParse(name.AsSpan(16, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var low))
            return false;
        segment = new WalSegment(timeline, (high * (0x1_0000_0000UL / (ulong)size)) + low, size);
        return segment.Name == name;
    }

    /// <summary>Whether it is a file that tells where timelines branch off.</summary>
    public static bool IsHistory(string name) => name.Length == 16 && name.EndsWith(".history", StringComparison.Ordinal);

    public override string ToString() => Name;
}

/// <summary>Looks whether the pages of a segment are those that belong there (access/xlog_internal.h).</summary>
internal sealed class WalPages(WalSegment segment, ulong? systemIdentifier)
{
    public const int PageSize = 8192;

    private const int LongHeader = 40;
    private const ushort HasLongHeader = 2;

    private ushort magic;
    private long offset;

    /// <summary>What the first page of a segment says: its cluster, and its size.</summary>
    public static (ulong SystemIdentifier, int SegmentSize) IdentityOf(ReadOnlySpan<byte> first) =>
        BinaryPrimitives.ReadInt32LittleEndian(first[32..]) is >= 1 << 20 and <= 1 << 30 and var size
            ? (BinaryPrimitives.ReadUInt64LittleEndian(first[24..]), size)
            : throw new InvalidDataException("it holds what is no WAL");

    /// <param name="pages">Whole pages, behind those before.</param>
    /// <exception cref="InvalidDataException">One belongs somewhere else.</exception>
    public void Add(ReadOnlySpan<byte> pages)
    {
        for (; pages.Length >= LongHeader; pages = pages[Math.Min(PageSize, pages.Length)..], offset += PageSize)
        {
            var found = BinaryPrimitives.ReadUInt16LittleEndian(pages);
            if (offset == 0)
                RequireFirst(pages);
            else if (found == 0 && !pages[..PageSize].ContainsAnyExcept((byte)0))
                continue; // behind the end of what was written
            magic = offset == 0 ? found : magic;
            var address = BinaryPrimitives.ReadUInt64LittleEndian(pages[8..]);
            if (found != magic || address != segment.Start.Value + (ulong)offset)
                throw new InvalidDataException($"WAL segment {segment} is damaged at byte {offset}: the page there is not the one of {new Lsn(segment.Start.Value + (ulong)offset)}");
        }
    }

    /// <exception cref="InvalidDataException">It is not a whole segment.</exception>
    public void Complete()
    {
        if (offset != segment.Size)
            throw new InvalidDataException($"WAL segment {segment} has {offset} bytes, and has to have {segment.Size}");
    }

    private void RequireFirst(ReadOnlySpan<byte> page)
    {
        if ((BinaryPrimitives.ReadUInt16LittleEndian(page[2..]) & HasLongHeader) == 0)
            throw new InvalidDataException($"WAL segment {segment} does not begin as one does");
        if (systemIdentifier is { } system && BinaryPrimitives.ReadUInt64LittleEndian(page[24..]) is var found && found != system)
            throw new InvalidDataException($"WAL segment {segment} is of another cluster ({found}, not {system})");
        if (BinaryPrimitives.ReadUInt32LittleEndian(page[32..]) != (uint)segment.Size)
            throw new InvalidDataException($"WAL segment {segment} has another size than its cluster's");
    }
}

/// <summary>Follows the WAL from segment to segment. A new timeline goes on in the segment in which the old one ended.</summary>
internal sealed class WalSequence
{
    public WalSegment? First { get; private set; }

    public WalSegment? Last { get; private set; }

    /// <exception cref="InvalidDataException">There is a gap before it.</exception>
    public void Add(WalSegment segment)
    {
        if (Last is { } last && segment != last.Next && !(segment.Timeline > last.Timeline && segment.Number - last.Number <= 1))
            throw new InvalidDataException($"the WAL has a gap: {segment} comes after {last}, and {last.Next} is not there");
        First ??= segment;
        Last = segment;
    }
}

/// <summary>Where the WAL that a backup holds ends: the next one goes on from there.</summary>
/// <param name="Last">The last segment that it holds.</param>
internal sealed record WalEnd(ulong SystemIdentifier, WalSegment Last)
{
    /// <summary>Of the cluster that a full or differential backup holds; null: not noted.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Tablespace>? Tablespaces { get; init; }
}
