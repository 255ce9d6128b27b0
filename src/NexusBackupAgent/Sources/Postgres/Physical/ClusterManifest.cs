using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>The file <c>backup_manifest</c> that pg_basebackup writes: every file of a backup with its size and CRC-32C, and the WAL that makes it consistent.</summary>
internal sealed record ClusterManifest(
    [property: JsonPropertyName("PostgreSQL-Backup-Manifest-Version")] int Version,
    [property: JsonPropertyName("Files")] IReadOnlyList<ManifestFile> Files,
    [property: JsonPropertyName("WAL-Ranges")] IReadOnlyList<ManifestWal> Wal)
{
    public const string Path = "backup_manifest";

    private const string OwnChecksum = "\"Manifest-Checksum\"";

    /// <exception cref="InvalidDataException">It is damaged, or none.</exception>
    public static ClusterManifest Parse(byte[] json)
    {
        try
        {
            var parsed = JsonSerializer.Deserialize(json, PhysicalJson.Default.ClusterManifest) ?? throw new InvalidDataException($"{Path} is empty");
            RequireOwnChecksum(json);
            return parsed.Wal is { Count: > 0 } && parsed.Files is not null ? parsed : throw new InvalidDataException($"{Path} names no WAL");
        }
        catch (JsonException broken)
        {
            throw new InvalidDataException($"{Path} is damaged: {broken.Message}", broken);
        }
    }

    /// <summary>The checksum in the last line is of all lines before it.</summary>
    private static void RequireOwnChecksum(byte[] json)
    {
        var at = json.AsSpan().LastIndexOf(Encoding.ASCII.GetBytes(OwnChecksum));
        var sum = at < 0 ? "" : Encoding.ASCII.GetString(json.AsSpan(at + OwnChecksum.Length)).Trim(' ', ':', '"', '}', '\n');
        if (at < 0 || !Convert.ToHexStringLower(SHA256.HashData(json.AsSpan(0, at))).Equals(sum, StringComparison.OrdinalIgnoreCase))
            throw new InvalidDataException($"{Path} is damaged: its own checksum is wrong");
    }

    /// <summary>The end of the WAL that the backup needs.</summary>
    /// <exception cref="InvalidDataException">It tells none.</exception>
    public (uint Timeline, Lsn End) WalEnd => (Wal[^1].Timeline, Lsn.Parse(Wal[^1].End));

    public Lsn WalStart => Lsn.Parse(Wal[0].Start);

    /// <summary>What differs between the backup and the files that were read; null when nothing does.</summary>
    /// <param name="read">By path.</param>
    public string? Difference(IReadOnlyDictionary<string, FileSum> read)
    {
        var named = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in Files)
        {
            var path = file.Name;
            named.Add(path);
            if (!read.TryGetValue(path, out var sum))
                return $"{path} is missing, which its {Path} names";
            if (sum.Length != file.Size)
                return $"{path} has {sum.Length} bytes, and {file.Size} by its {Path}";
            if (file.Algorithm == Crc32C.Algorithm && !string.Equals(file.Checksum, sum.Crc32C, StringComparison.OrdinalIgnoreCase))
                return $"{path} does not have the CRC-32C that its {Path} names";
        }

        return read.Keys.FirstOrDefault(path => !named.Contains(path) && path != Path && !path.StartsWith("pg_wal/", StringComparison.Ordinal)) is { } stranger
            ? $"{stranger} is not named by its {Path}"
            : null;
    }

    /// <summary>Whether each file has a checksum that can be compared.</summary>
    public bool HasChecksums => Files.All(file => file.Algorithm == Crc32C.Algorithm);

    /// <summary>Bytes of all its files.</summary>
    public long Length => Files.Sum(file => file.Size);
}

/// <param name="EncodedPath">A path that is no UTF-8, in hexadecimal digits.</param>
internal sealed record ManifestFile(
    [property: JsonPropertyName("Path")] string? Path,
    [property: JsonPropertyName("Encoded-Path")] string? EncodedPath,
    [property: JsonPropertyName("Size")] long Size,
    [property: JsonPropertyName("Checksum-Algorithm")] string? Algorithm,
    [property: JsonPropertyName("Checksum")] string? Checksum)
{
    public string Name => Path ?? Encoding.UTF8.GetString(Convert.FromHexString(EncodedPath ?? ""));
}

internal sealed record ManifestWal(
    [property: JsonPropertyName("Timeline")] uint Timeline,
    [property: JsonPropertyName("Start-LSN")] string Start,
    [property: JsonPropertyName("End-LSN")] string End);

/// <summary>Length and CRC-32C of a file as it was read.</summary>
/// <param name="Crc32C">As the manifest writes it; empty where it was not taken.</param>
internal readonly record struct FileSum(long Length, string Crc32C);

/// <summary>The checksum that PostgreSQL's manifests have as a standard: processors have an instruction for it, and what is stored has a SHA-256 besides.</summary>
internal struct Crc32C()
{
    /// <summary>As <c>--manifest-checksums</c> and the manifest name it.</summary>
    public const string Algorithm = "CRC32C";

    private uint sum = uint.MaxValue;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
            sum = BitOperations.Crc32C(sum, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
            sum = BitOperations.Crc32C(sum, rest);
    }

    /// <summary>In hexadecimal digits, the lowest byte first.</summary>
    public override readonly string ToString() => BinaryPrimitives.ReverseEndianness(~sum).ToString("x8", CultureInfo.InvariantCulture);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ClusterManifest))]
[JsonSerializable(typeof(WalEnd))]
internal sealed partial class PhysicalJson : JsonSerializerContext;
