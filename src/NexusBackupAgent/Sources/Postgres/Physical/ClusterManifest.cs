using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>The file <c>backup_manifest</c> that pg_basebackup writes: every file of a backup with its size and SHA-256, and the WAL that makes it consistent.</summary>
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
            if (file.Algorithm == "SHA256" && !string.Equals(file.Checksum, sum.Sha256, StringComparison.OrdinalIgnoreCase))
                return $"{path} does not have the SHA-256 that its {Path} names";
        }

        return read.Keys.FirstOrDefault(path => !named.Contains(path) && path != Path && !path.StartsWith("pg_wal/", StringComparison.Ordinal)) is { } stranger
            ? $"{stranger} is not named by its {Path}"
            : null;
    }

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

/// <summary>Length and SHA-256 of a file as it was read.</summary>
internal readonly record struct FileSum(long Length, string Sha256);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ClusterManifest))]
[JsonSerializable(typeof(WalEnd))]
internal sealed partial class PhysicalJson : JsonSerializerContext;
