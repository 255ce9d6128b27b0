using System.Text;
using System.Text.Json;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>Reads JSON that has nothing unusual in it; null: somebody who knows all of the format has to read it.</summary>
internal delegate T? OrdinaryReader<T>(ReadOnlySpan<byte> json)
    where T : class;

/// <summary>
/// Reads the small files as agents of this version write them, sooner than <see cref="CatalogJson"/> does: a catalog
/// may hold two hundred thousand. It says what that one says or nothing: what is unknown, escaped, missing or there twice is left to it.
/// </summary>
internal static class OrdinaryJson
{
    [ThreadStatic]
    private static Repeated? repeated;

    public static BackupManifest? Manifest(ReadOnlySpan<byte> json)
    {
        try
        {
            return ReadManifest(json);
        }
        catch (Exception unusual) when (unusual is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    public static VerificationResult? Verification(ReadOnlySpan<byte> json)
    {
        try
        {
            return ReadVerification(json);
        }
        catch (Exception unusual) when (unusual is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static BackupManifest? ReadManifest(ReadOnlySpan<byte> json)
    {
        const int Required = (1 << 13) - 1;
        var shared = repeated ??= new Repeated();
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return null;
        var (seen, likely) = (0, 0);
        int version = 0;
        string? id = null, source = null, kind = null, schedule = null, @base = null, file = null, fingerprint = null, continues = null;
        BackupType type = default;
        DateTimeOffset capturedAt = default;
        DateTimeOffset? restorableFrom = null;
        ArtifactDigest content = default, stored = default;
        ArtifactDigest? restored = null;
        var adopted = false;
        IReadOnlyDictionary<string, string>? tools = null;
        ArtifactEncoding encoding = default;
        BackupOrigin? origin = null;
        BackupEncryption? encryption = null;
        IReadOnlyList<BackupPart>? parts = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var place = PlaceOf(ref reader, ManifestWords, likely);
            if (place < 0 || (seen & (1 << place)) != 0 || !reader.Read())
                return null;
            (seen, likely) = (seen | (1 << place), place + 1);
            var isRead = place switch
            {
                0 => reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out version),
                1 => TryText(ref reader, out id),
                2 => TryRepeated(ref reader, out source),
                3 => TryRepeated(ref reader, out kind),
                4 => TryRepeated(ref reader, out schedule),
                5 => TryWord(ref reader, Types, out type),
                6 => reader.TokenType == JsonTokenType.Null || TryText(ref reader, out @base),
                7 => TryInstant(ref reader, out capturedAt),
                8 => TryText(ref reader, shared.File, out file),
                9 => TryDigest(ref reader, out content),
                10 => TryDigest(ref reader, out stored),
                11 => TryBoolean(ref reader, out adopted),
                12 => shared.Tools.TryRead(ref reader, json, out tools),
                13 => TryWord(ref reader, Encodings, out encoding),
                14 => shared.Parts.TryRead(ref reader, json, out parts),
                15 => TryText(ref reader, out fingerprint),
                16 => shared.Origin.TryRead(ref reader, json, out origin),
                17 => shared.Encryption.TryRead(ref reader, json, out encryption),
                18 => TryText(ref reader, out continues),
                19 => TryInstant(ref reader, out var from) && (restorableFrom = from) is not null,
                _ => TryDigest(ref reader, out var whole) && (restored = whole) is not null,
            };
            if (!isRead)
                return null;
        }

        if ((seen & Required) != Required || reader.TokenType != JsonTokenType.EndObject || reader.Read())
            return null;
        var manifest = new BackupManifest(
            version, new BackupId(shared.Id = id!), source!, kind!, schedule!, type, @base is null ? null : new BackupId(@base), capturedAt, file!, content, stored, adopted, tools!)
        {
            Fingerprint = fingerprint,
            Origin = origin,
            Encoding = encoding,
            Parts = parts ?? [],
        };
        return (restored, encryption, continues, restorableFrom) is (null, null, null, null) ? manifest : manifest with
        {
            Restored = restored,
            Encryption = encryption,
            Continues = continues is null ? null : new BackupId(continues),
            RestorableFrom = restorableFrom,
        };
    }

    private static VerificationResult? ReadVerification(ReadOnlySpan<byte> json)
    {
        const int Required = (1 << 5) - 1;
        var shared = repeated ??= new Repeated();
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return null;
        var (seen, likely) = (0, 0);
        string? id = null;
        DateTimeOffset verifiedAt = default;
        long length = 0;
        bool passed = false, isAsCommitted = false, isSetAside = false;
        IReadOnlyList<CheckResult>? checks = null;
        Proof? proof = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var place = PlaceOf(ref reader, VerificationWords, likely);
            if (place < 0 || (seen & (1 << place)) != 0 || !reader.Read())
                return null;
            (seen, likely) = (seen | (1 << place), place + 1);
            var isRead = place switch
            {
                0 => TryText(ref reader, shared.Id, out id),
                1 => TryInstant(ref reader, out verifiedAt),
                2 => reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out length),
                3 => TryBoolean(ref reader, out passed),
                4 => shared.Checks.TryRead(ref reader, json, out checks),
                5 => TryBoolean(ref reader, out isAsCommitted),
                6 => TryWord<Proof>(ref reader, Proofs, out var known) && (proof = known) is not null,
                _ => TryBoolean(ref reader, out isSetAside),
            };
            if (!isRead)
                return null;
        }

        return (seen & Required) != Required || reader.TokenType != JsonTokenType.EndObject || reader.Read()
            ? null
            : new VerificationResult(new BackupId(id!), verifiedAt, length, passed, checks!) { IsAsCommitted = isAsCommitted, Proof = proof, SetAside = isSetAside };
    }

    /// <summary>The artifact whose manifest this thread reads next, so that both share one text.</summary>
    public static void Expect(string artifact) => (repeated ??= new Repeated()).File = artifact;

    // The first thirteen, and of the other one the first five, must be there.
    private static readonly byte[][] ManifestWords = Words(
        "formatVersion", "id", "source", "kind", "schedule", "type", "base", "capturedAt", "file", "content", "stored", "adopted", "tools",
        "encoding", "parts", "fingerprint", "origin", "encryption", "continues", "restorableFrom", "restored");

    private static readonly byte[][] VerificationWords = Words("id", "verifiedAt", "storedLength", "passed", "checks", "isAsCommitted", "proof", "setAside");
    private static readonly byte[][] DigestWords = Words("length", "sha256");
    private static readonly byte[][] Types = Words([.. Enum.GetValues<BackupType>().Select(EnumWord.CamelWord)]);
    private static readonly byte[][] Encodings = Words([.. Enum.GetValues<ArtifactEncoding>().Select(EnumWord.CamelWord)]);
    private static readonly byte[][] Proofs = Words([.. Enum.GetValues<Proof>().Select(EnumWord.CamelWord)]);

    private static byte[][] Words(params string[] words) => [.. words.Select(Encoding.UTF8.GetBytes)];

    /// <param name="likely">Where most agents write it: properties mostly stand in the order of the words.</param>
    /// <returns>Negative where it is none of the words.</returns>
    private static int PlaceOf(ref Utf8JsonReader reader, byte[][] words, int likely)
    {
        for (var tried = 0; tried < words.Length; tried++)
        {
            var place = (likely + tried) % words.Length;
            if (reader.ValueTextEquals(words[place]))
                return place;
        }

        return -1;
    }

    private static bool TryText(ref Utf8JsonReader reader, out string? text)
    {
        text = reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped ? reader.GetString() : null;
        return text is not null;
    }

    /// <param name="likely">What it probably is.</param>
    private static bool TryText(ref Utf8JsonReader reader, string? likely, out string? text)
    {
        if (likely is null || reader.TokenType != JsonTokenType.String || !reader.ValueTextEquals(likely))
            return TryText(ref reader, out text);
        text = likely;
        return true;
    }

    private static bool TryRepeated(ref Utf8JsonReader reader, out string? text)
    {
        text = reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped ? RepeatedTextConverter.Of(ref reader) : null;
        return text is not null;
    }

    private static bool TryWord<T>(ref Utf8JsonReader reader, byte[][] words, out T value)
        where T : struct, Enum
    {
        value = default;
        if (reader.TokenType != JsonTokenType.String || PlaceOf(ref reader, words, likely: 0) is not (>= 0 and var place))
            return false;
        value = Enum.GetValues<T>()[place];
        return true;
    }

    private static bool TryBoolean(ref Utf8JsonReader reader, out bool value)
    {
        value = reader.TokenType == JsonTokenType.True;
        return value || reader.TokenType == JsonTokenType.False;
    }

    private static bool TryInstant(ref Utf8JsonReader reader, out DateTimeOffset instant)
    {
        instant = default;
        return reader.TokenType == JsonTokenType.String && reader.TryGetDateTimeOffset(out instant);
    }

    private static bool TryDigest(ref Utf8JsonReader reader, out ArtifactDigest digest)
    {
        digest = default;
        if (reader.TokenType != JsonTokenType.StartObject)
            return false;
        long? length = null;
        ArtifactDigest? hash = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var place = PlaceOf(ref reader, DigestWords, likely: length is null ? 0 : 1);
            if (!reader.Read())
                return false;
            if (place == 0 && length is null && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var bytes))
                length = bytes;
            else if (place == 1 && hash is null && reader is { TokenType: JsonTokenType.String, ValueIsEscaped: false })
                hash = ArtifactDigest.TryRead(0, reader.ValueSpan);
            else
                return false;
        }

        if (length is null || hash is null || reader.TokenType != JsonTokenType.EndObject)
            return false;
        digest = hash.Value with { Length = length.Value };
        return true;
    }

    /// <summary>What stands alike in most files, as one thread came upon it last.</summary>
    private sealed class Repeated
    {
        private static readonly RepeatedVersionsConverter versions = new();
        private static readonly RepeatedChecksConverter results = new();

        public string? Id { get; set; }

        public string? File { get; set; }

        public RepeatedPart<IReadOnlyDictionary<string, string>> Tools { get; } =
            new(JsonTokenType.StartObject, (ref reader) => versions.Read(ref reader, typeof(IReadOnlyDictionary<string, string>), CatalogJson.Readable.Options));

        public RepeatedPart<IReadOnlyList<CheckResult>> Checks { get; } =
            new(JsonTokenType.StartArray, (ref reader) => results.Read(ref reader, typeof(IReadOnlyList<CheckResult>), CatalogJson.Readable.Options));

        public RepeatedPart<IReadOnlyList<BackupPart>> Parts { get; } = new(JsonTokenType.StartArray, (ref reader) => JsonSerializer.Deserialize(ref reader, CatalogJson.Readable.IReadOnlyListBackupPart));

        public RepeatedPart<BackupOrigin> Origin { get; } = new(JsonTokenType.StartObject, (ref reader) => JsonSerializer.Deserialize(ref reader, CatalogJson.Readable.BackupOrigin));

        public RepeatedPart<BackupEncryption> Encryption { get; } = new(JsonTokenType.StartObject, (ref reader) => JsonSerializer.Deserialize(ref reader, CatalogJson.Readable.BackupEncryption));
    }

    private delegate T? PartReader<T>(ref Utf8JsonReader reader);

    /// <summary>An object or array that is read anew only when its bytes are other ones than the last time.</summary>
    private sealed class RepeatedPart<T>(JsonTokenType begin, PartReader<T> read)
        where T : class
    {
        private byte[] bytes = [];
        private T? value;

        /// <param name="json">All that the reader reads.</param>
        public bool TryRead(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, out T? found)
        {
            found = null;
            if (reader.TokenType != begin)
                return false;
            var before = reader;
            var start = (int)reader.TokenStartIndex;
            if (value is not null && json[start..].StartsWith(bytes))
            {
                reader.Skip();
                if (reader.BytesConsumed - start == bytes.Length)
                {
                    found = value;
                    return true;
                }

                reader = before;
            }

            found = read(ref reader);
            (value, bytes) = (found, json[start..(int)reader.BytesConsumed].ToArray());
            return found is not null;
        }
    }
}
