using System.Text.Json;
using System.Text.Json.Serialization;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.ObjectStorage;

namespace NexusBackupAgent.Sources.S3;

/// <summary>The first line of an inventory.</summary>
/// <param name="Source">What was backed up: <c>s3://photos/</c>.</param>
/// <param name="Server">Where that is.</param>
/// <param name="Snapshots">Where the copies are; each object's <see cref="InventoryLine.At"/> and key follow. Null: archives have the objects.</param>
/// <param name="Snapshot">The folder with the copies that this backup made itself.</param>
internal sealed record InventoryHead(int Format, string Source, string Server, string? Snapshots, string? Snapshot, DateTimeOffset CapturedAt)
{
    public const int CurrentFormat = 1;
}

/// <summary>A further line: an object; the last one: how many there are.</summary>
/// <param name="Modified">When the object in the source was last changed.</param>
/// <param name="At">The folder with its copy, of this backup or of one that it builds on; ends with <c>/</c>. Null: an archive has it.</param>
/// <param name="Copy">The copy's ETag, where it is not the object's own.</param>
internal sealed record InventoryLine(string? Key, long Size, [property: JsonPropertyName("etag")] string? ETag, DateTimeOffset? Modified, string? Class, string? At, string? Copy)
{
    /// <summary>Of the last line.</summary>
    public long? Objects { get; init; }

    /// <summary>Of the last line: bytes of all objects.</summary>
    public long? Bytes { get; init; }

    /// <summary>Of the last line: what was listed and deleted before it could be copied.</summary>
    public IReadOnlyList<string>? Vanished { get; init; }

    /// <summary>Of an object in an archive: which one of its chain has it, the full one being 0.</summary>
    public int? Archive { get; init; }

    /// <summary>Its name in the archive, where that is not its key.</summary>
    public string? Entry { get; init; }

    /// <summary>Of an object in an archive.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What goes with an object in an archive; null: nothing.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    [JsonIgnore]
    public string EntryName => Entry ?? Key!;

    [JsonIgnore]
    public ObjectAttributes Attributes => new() { Headers = Headers ?? Nothing, Metadata = Metadata ?? Nothing, Tags = Tags ?? Nothing, StorageClass = Class };

    private static readonly IReadOnlyDictionary<string, string> Nothing = new Dictionary<string, string>(StringComparer.Ordinal);

    [JsonIgnore]
    public string CopyETag => Copy ?? ETag!;

    /// <summary>The copy's key, below the place of the snapshots.</summary>
    [JsonIgnore]
    public string CopyKey => At + Key;
}

/// <summary>All objects of a bucket at one instant, and where their copies are: complete, whatever the backup builds on.</summary>
internal sealed record Inventory(InventoryHead Head, IReadOnlyList<InventoryLine> Objects, IReadOnlyList<string> Vanished)
{
    public long Bytes => Objects.Sum(line => line.Size);

    public static PackedList<InventoryLine> Pack(IEnumerable<InventoryLine> lines) => new(InventoryJson.Default.InventoryLine, lines);

    /// <summary>Finds objects by their keys.</summary>
    public PackedIndex<InventoryLine> ByKey() => new(Objects, line => line.Key!);

    /// <summary>Lines of JSON: what any tool reads.</summary>
    public async Task WriteAsync(Stream destination, CancellationToken cancellationToken)
    {
        using var lines = new MemoryStream();
        Add(JsonSerializer.SerializeToUtf8Bytes(Head, InventoryJson.Default.InventoryHead));
        foreach (var line in Objects)
        {
            Add(JsonSerializer.SerializeToUtf8Bytes(line, InventoryJson.Default.InventoryLine));
            if (lines.Length > 1 << 18)
                await PassAsync();
        }

        Add(JsonSerializer.SerializeToUtf8Bytes(new InventoryLine(null, 0, null, null, null, null, null) { Objects = Objects.Count, Bytes = Bytes, Vanished = Vanished.Count == 0 ? null : Vanished }, InventoryJson.Default.InventoryLine));
        await PassAsync();

        void Add(byte[] line)
        {
            lines.Write(line);
            lines.WriteByte((byte)'\n');
        }

        async Task PassAsync()
        {
            await destination.WriteAsync(lines.GetBuffer().AsMemory(0, (int)lines.Length), cancellationToken);
            lines.SetLength(0);
        }
    }

    /// <summary>
    /// Reads that of a backup. Where it is the artifact, all that it builds on is read before: nothing counts that is not what was stored.
    /// </summary>
    /// <exception cref="DamagedLinkException">One of them is not.</exception>
    public static async Task<Inventory> ReadAsync(StoredChain chain, CancellationToken cancellationToken)
    {
        if (BucketArchive.Has(chain.Tip))
            return await BucketArchive.InventoryOfAsync(chain.Tip, cancellationToken);
        foreach (var link in chain.Links.SkipLast(1))
            await link.CopyContentAsync(Stream.Null, cancellationToken);
        await using var reader = new Reader();
        await chain.Tip.CopyContentAsync(reader, cancellationToken);
        return reader.Whole ?? throw chain.Tip.Refuse("it is no whole inventory of objects");
    }

    public sealed class Reader : ForwardWriteStream
    {
        private readonly MemoryStream rest = new();
        private readonly PackedList<InventoryLine> objects = Pack([]);
        private InventoryHead? head;
        private InventoryLine? end;

        public Inventory? Whole => head is not null && end is not null && rest.Length == 0 && end.Objects == objects.Count ? new Inventory(head, objects, end.Vanished ?? []) : null;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (buffer.Span.IndexOf((byte)'\n') is >= 0 and var newline)
            {
                await rest.WriteAsync(buffer[..newline], cancellationToken);
                Take(rest.GetBuffer().AsSpan(0, (int)rest.Length));
                rest.SetLength(0);
                buffer = buffer[(newline + 1)..];
            }

            await rest.WriteAsync(buffer, cancellationToken);
        }

        private void Take(ReadOnlySpan<byte> text)
        {
            try
            {
                if (head is null)
                {
                    head = JsonSerializer.Deserialize(text, InventoryJson.Default.InventoryHead);
                    if (head is not { Format: InventoryHead.CurrentFormat })
                        throw new InvalidDataException($"it is an inventory of format {head?.Format}, which this agent does not read");
                    return;
                }

                var line = JsonSerializer.Deserialize(text, InventoryJson.Default.InventoryLine);
                if (end is not null || line is null || (line.Key is null && line.Objects is null) || (line.Key is not null && (line.ETag is null || !IsFound(line))))
                    throw new InvalidDataException($"its line {objects.Count + 2} is none of an inventory");
                if (line.Key is null)
                    end = line;
                else
                    objects.Add(line);
            }
            catch (JsonException broken)
            {
                throw new InvalidDataException($"its line {objects.Count + 2} is no JSON", broken);
            }
        }

        private bool IsFound(InventoryLine line) => head!.Snapshots is null ? line is { Archive: >= 0, Sha256: not null, At: null } : line.At is not null;
    }
}

/// <summary>What a snapshot is, beside its objects: nobody takes this for one of them.</summary>
/// <param name="Source">Whose it is.</param>
/// <param name="CapturedAt">Of the backup that it belongs to.</param>
/// <param name="State">How far it is.</param>
internal sealed record SnapshotMark(string Source, DateTimeOffset CapturedAt, SnapshotState State);

[JsonConverter(typeof(JsonStringEnumConverter<SnapshotState>))]
internal enum SnapshotState
{
    /// <summary>A capture copies; or it did, and nobody has seen its backup yet.</summary>
    Begun,

    /// <summary>A backup needs it.</summary>
    Kept,

    /// <summary>Its backup is about to be removed, or was.</summary>
    Released,
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(InventoryHead))]
[JsonSerializable(typeof(InventoryLine))]
[JsonSerializable(typeof(SnapshotMark))]
[JsonSerializable(typeof(ListedObject))]
[JsonSerializable(typeof(ReplacedObject))]
internal sealed partial class InventoryJson : JsonSerializerContext;
