using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// The small file <c>&lt;artifact&gt;.manifest.json</c> that commits a backup. No manifest, no backup; a manifest never changes,
/// and its seal (<see cref="SealedJson"/>) shows when it did. It is believed when <see cref="ManifestAgreement"/> has no objection.
/// </summary>
/// <param name="FormatVersion">2; 1 knew neither <see cref="Encoding"/> nor <see cref="Parts"/>. A reader refuses a version that it does not know.</param>
/// <param name="Id">The backup's identity.</param>
/// <param name="Source">The configured source's name.</param>
/// <param name="Kind">What the source is: <c>sqlite</c>.</param>
/// <param name="Schedule">The schedule that made it, or <c>manual</c>.</param>
/// <param name="Type">full, differential or incremental.</param>
/// <param name="Base">The backup that this one builds on; null for a full one.</param>
/// <param name="CapturedAt">The instant of the snapshot, UTC: the age of the data, not of the file.</param>
/// <param name="File">The artifact's file name.</param>
/// <param name="Content">Length and SHA-256 of the content before it is encoded.</param>
/// <param name="Stored">Length and SHA-256 of the artifact.</param>
/// <param name="Adopted">True for a file that somebody made by hand and the agent took into its catalog.</param>
/// <param name="Tools">Versions of what made it, by name (<c>nexus-backup</c>, <c>sqlite</c>).</param>
internal sealed record BackupManifest(
    int FormatVersion,
    BackupId Id,
    string Source,
    string Kind,
    string Schedule,
    BackupType Type,
    BackupId? Base,
    DateTimeOffset CapturedAt,
    string File,
    ArtifactDigest Content,
    ArtifactDigest Stored,
    bool Adopted,
    IReadOnlyDictionary<string, string> Tools)
{
    /// <summary>The version that this agent writes.</summary>
    public const int CurrentFormatVersion = 2;

    /// <summary>The schedule name of a backup that no schedule made.</summary>
    public const string ManualSchedule = "manual";

    /// <summary>
    /// Length and SHA-256 of what a restore of a differential or incremental backup gives, together with all that it builds
    /// on; null for a full one, whose content that is.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ArtifactDigest? Restored { get; init; }

    /// <summary>How the artifact is stored; a manifest of format version 1 does not say it and means gzip.</summary>
    public ArtifactEncoding Encoding { get; init; }

    /// <summary>Further files of the same backup, without which it is none. Whatever is done to the artifact is done to them.</summary>
    // Absent is null here: generated readers know nothing of an initial value.
    public IReadOnlyList<BackupPart> Parts
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>The names of its further parts.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> PartNames => Parts.Count == 0 ? [] : [.. Parts.Select(part => part.Name)];

    /// <summary>Bytes of the artifact and its further parts, as they were stored.</summary>
    [JsonIgnore]
    public long StoredLength => Stored.Length + Parts.Sum(part => part.Stored.Length);

    /// <summary>False for a file made by hand that was not read back yet: its hashes are unknown.</summary>
    [JsonIgnore]
    public bool IsCommitted => Stored.Sha256.Length > 0;
}

/// <summary>What a manifest of any version says of itself.</summary>
internal sealed record ManifestFormat(int FormatVersion);

/// <summary>A further file of a backup, <c>&lt;artifact&gt;.&lt;name&gt;</c>.</summary>
/// <param name="Name">Behind the artifact's name and a dot: <c>wal.tar.gz</c>.</param>
/// <param name="Encoding">How it is stored.</param>
/// <param name="Content">Length and SHA-256 before it is encoded.</param>
/// <param name="Stored">Length and SHA-256 of the file.</param>
internal sealed record BackupPart(string Name, ArtifactEncoding Encoding, ArtifactDigest Content, ArtifactDigest Stored);

/// <summary>The JSON of the small files beside an artifact.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UseStringEnumConverter = true,
    RespectRequiredConstructorParameters = true, // a file that lacks something is damaged
    RespectNullableAnnotations = true,
    Converters = [typeof(BackupIdConverter), typeof(LowerCaseEnumConverter<BackupType>), typeof(LowerCaseEnumConverter<ArtifactEncoding>), typeof(VerificationCheckConverter)])]
[JsonSerializable(typeof(BackupManifest))]
[JsonSerializable(typeof(ManifestFormat))]
[JsonSerializable(typeof(VerificationResult))]
[JsonSerializable(typeof(DrillResult))]
internal sealed partial class CatalogJson : JsonSerializerContext
{
    /// <summary>Text as people read it: a name in Japanese is not a row of escapes. These files are never put into a web page.</summary>
    public static CatalogJson Readable => readable.Value;

    /// <summary>Reads files that bear no seal: a word that the format does not know, or that stands twice, is damage.</summary>
    public static CatalogJson Strict => strict.Value;

    private static readonly Lazy<CatalogJson> strict = new(() => new CatalogJson(new JsonSerializerOptions(Default!.Options!) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false }));

    private static readonly Lazy<CatalogJson> readable = new(() => new CatalogJson(new JsonSerializerOptions(Default!.Options!) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
}

/// <summary>An identity is written as its text.</summary>
internal sealed class BackupIdConverter : JsonConverter<BackupId>
{
    public override BackupId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetString() ?? throw new JsonException("a backup id is a string"));

    public override void Write(Utf8JsonWriter writer, BackupId value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Value);
}

/// <summary>Words in files, API and metrics are lower case.</summary>
internal sealed class LowerCaseEnumConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>A check is written as its word. The first edition knew one encoding, and wrote <c>gzip</c> for its check.</summary>
internal sealed class VerificationCheckConverter : JsonConverter<VerificationCheck>
{
    private const string Former = "gzip";

    public override VerificationCheck Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var word = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        if (word == Former)
            return VerificationCheck.Encoding;
        return EnumWord.Of<VerificationCheck>(word) ?? throw new JsonException($"there is no check {word}");
    }

    public override void Write(Utf8JsonWriter writer, VerificationCheck value, JsonSerializerOptions options) => writer.WriteStringValue(value.Word());
}
