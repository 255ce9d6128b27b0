using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Catalog;

/// <summary>
/// The small file <c>&lt;artifact&gt;.manifest.json</c> that commits a backup. No manifest, no backup; a manifest never changes,
/// and its seal (<see cref="SealedJson"/>) shows when it did. It is believed when <see cref="ManifestAgreement"/> has no objection.
/// </summary>
/// <param name="FormatVersion">2; 1 knew neither <see cref="Encoding"/> nor <see cref="Parts"/>, nor a seal. A reader refuses a version that it does not know.</param>
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
    [property: JsonConverter(typeof(RepeatedTextConverter))] string Source,
    [property: JsonConverter(typeof(RepeatedTextConverter))] string Kind,
    [property: JsonConverter(typeof(RepeatedTextConverter))] string Schedule,
    BackupType Type,
    BackupId? Base,
    DateTimeOffset CapturedAt,
    string File,
    ArtifactDigest Content,
    ArtifactDigest Stored,
    bool Adopted,
    [property: JsonConverter(typeof(RepeatedVersionsConverter))] IReadOnlyDictionary<string, string> Tools)
{
    /// <summary>The version that this agent writes.</summary>
    public const int CurrentFormatVersion = 2;

    private const int FirstSealed = 2;

    // What few manifests have takes no room in the others: a catalog may hold a hundred thousand.
    private readonly RareFacts? rare;
    private readonly ArtifactDigest fingerprint;

    /// <summary>The schedule name of a backup that no schedule made.</summary>
    public const string ManualSchedule = "manual";

    /// <summary>
    /// Length and SHA-256 of what a restore of a differential or incremental backup gives, together with all that it builds
    /// on; null for a full one, whose content that is.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ArtifactDigest? Restored
    {
        get => rare?.Restored;
        init => rare = RareFacts.Of(rare, facts => facts with { Restored = value });
    }

    /// <summary>
    /// What the hashes of the pieces of the captured state give together, as its kind reckons it; null where it does not, or an
    /// earlier agent wrote this. With it an increment is proven without expanding what it builds on.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Fingerprint
    {
        get => fingerprint.Sha256;
        init => fingerprint = new ArtifactDigest(0, value!);
    }

    /// <summary>
    /// The backup since which this one holds all that happened, so that any instant in between can be restored; null: it
    /// holds its own state alone. Of an incremental one that is what it builds on.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BackupId? Continues
    {
        get => rare?.Continues;
        init => rare = RareFacts.Of(rare, facts => facts with { Continues = value });
    }

    /// <summary>The first instant that it can be restored to, UTC: until then it was still being written. Null: <see cref="CapturedAt"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? RestorableFrom
    {
        get => rare?.RestorableFrom;
        init => rare = RareFacts.Of(rare, facts => facts with { RestorableFrom = value });
    }

    /// <summary>Where the source was, for whoever has nothing but the store; null: an earlier agent did not say it, or the kind does not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BackupOrigin? Origin { get; init; }

    /// <summary>How the artifact is stored; a manifest of format version 1 does not say it and means gzip.</summary>
    public ArtifactEncoding Encoding { get; init; }

    /// <summary>To whom the artifact and its parts are encrypted; null: they are not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BackupEncryption? Encryption
    {
        get => rare?.Encryption;
        init => rare = RareFacts.Of(rare, facts => facts with { Encryption = value });
    }

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

    /// <summary>Whether this one, and what stands beside it, was written with a seal: without one it is not what was written.</summary>
    [JsonIgnore]
    public bool IsSealed => IsCommitted && FormatVersion >= FirstSealed;

    /// <summary>False for a file made by hand that was not read back yet: its hashes are unknown.</summary>
    [JsonIgnore]
    public bool IsCommitted => Stored.IsKnown;

    /// <summary>Whether what stands in the place of the fingerprint can be one.</summary>
    [JsonIgnore]
    public bool HasSoundFingerprint => fingerprint.HasSha256 || fingerprint.Sha256 is null;

    private sealed record RareFacts
    {
        private static readonly RareFacts None = new();

        public ArtifactDigest? Restored { get; init; }

        public BackupId? Continues { get; init; }

        public DateTimeOffset? RestorableFrom { get; init; }

        public BackupEncryption? Encryption { get; init; }

        /// <returns>Null where nothing of it is known.</returns>
        public static RareFacts? Of(RareFacts? before, Func<RareFacts, RareFacts> change) => change(before ?? None) is var now && now == None ? null : now;
    }
}

/// <summary>Where a source was when it was backed up. Nothing decides by it: it is written for <see cref="StoreSurvey"/>, and whoever may write to the store may have forged it.</summary>
/// <param name="Host">The machine's name.</param>
/// <param name="TimeZone">Of the times in file names.</param>
/// <param name="Configuration">The kind's own keys, without secrets.</param>
internal sealed record BackupOrigin(string Host, string TimeZone, MappingNode Configuration);

/// <summary>How a backup is encrypted, by age.</summary>
/// <param name="Recipients">The public part of each key that opens it, <c>age1…</c>, as <c>age-keygen -y</c> prints it; empty of a file that somebody made by hand.</param>
internal sealed record BackupEncryption(IReadOnlyList<string> Recipients);

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
    Converters = [typeof(DocumentConverter), typeof(BackupIdConverter), typeof(LowerCaseEnumConverter<BackupType>), typeof(LowerCaseEnumConverter<Proof>), typeof(LowerCaseEnumConverter<ArtifactEncoding>), typeof(VerificationCheckConverter)])]
[JsonSerializable(typeof(BackupManifest))]
[JsonSerializable(typeof(ManifestFormat))]
[JsonSerializable(typeof(VerificationResult))]
[JsonSerializable(typeof(CheckResult))]
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
        new(TextOf(ref reader) ?? throw new JsonException("a backup id is a string"));

    public override void Write(Utf8JsonWriter writer, BackupId value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Value);

    /// <summary>What lies beside a manifest names the same, and is read after it.</summary>
    private static string? TextOf(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String && last is not null && reader.ValueTextEquals(last))
            return last;
        return last = reader.GetString();
    }

    [ThreadStatic]
    private static string? last;
}

/// <summary>A part of a configuration is written as the object that it is.</summary>
internal sealed class DocumentConverter : JsonConverter<MappingNode>
{
    public override MappingNode Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Node(ref reader) as MappingNode ?? throw new JsonException("a part of a configuration is an object");

    public override void Write(Utf8JsonWriter writer, MappingNode value, JsonSerializerOptions options) => Write(writer, value);

    private static void Write(Utf8JsonWriter writer, DocumentNode node)
    {
        switch (node)
        {
            case MappingNode mapping:
                writer.WriteStartObject();
                foreach (var entry in mapping.Entries)
                {
                    writer.WritePropertyName(entry.Key);
                    Write(writer, entry.Value);
                }

                writer.WriteEndObject();
                break;
            case ListNode list:
                writer.WriteStartArray();
                foreach (var item in list.Items)
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            case ScalarNode { IsNull: false } scalar:
                writer.WriteStringValue(scalar.Text);
                break;
            default:
                writer.WriteNullValue();
                break;
        }
    }

    /// <summary>The depth of JSON is bounded by its reader.</summary>
    private static DocumentNode Node(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var entries = new List<MappingEntry>();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var key = reader.GetString()!;
                    reader.Read();
                    entries.Add(new MappingEntry(key, Line: 0, Node(ref reader)));
                }

                return new MappingNode(Line: 0, entries);
            case JsonTokenType.StartArray:
                var items = new List<DocumentNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(Node(ref reader));
                return new ListNode(Line: 0, items);
            case JsonTokenType.String:
                return new ScalarNode(Line: 0, reader.GetString()!, IsNull: false);
            case JsonTokenType.Null:
                return new ScalarNode(Line: 0, "", IsNull: true);
            default:
                throw new JsonException("a part of a configuration holds texts");
        }
    }
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

/// <summary>
/// Whether a manifest agrees with itself and with what bears it. Its seal binds every byte; this binds what a manifest of an
/// earlier version, which has none, can be held to, and keeps a forged one from doing harm. Pure.
/// </summary>
internal static partial class ManifestAgreement
{
    private const int TimeLength = 15; // yyyyMMdd_HHmmss

    /// <summary>Bytes; nothing that exists is larger, and sums of a few hundred such lengths overflow nothing.</summary>
    private const long LargestLength = 1L << 50;

    private const int MostParts = 256;

    /// <summary>Of a place's clock before and behind UTC. The zone may have been another one when the file was named.</summary>
    private static readonly TimeSpan FarthestZone = TimeSpan.FromHours(14);

    private static readonly TimeSpan ZoneStep = TimeSpan.FromMinutes(15);

    /// <summary>Why it is not believed, as it follows a colon; null when nothing speaks against it.</summary>
    /// <param name="formats">How its source's artifacts are named. What kind it is of nobody asks: the configuration says that.</param>
    public static string? ObjectionTo(BackupManifest manifest, ArtifactFormats formats) => manifest switch
    {
        { FormatVersion: < 1 } => $"there is no format version {manifest.FormatVersion}",
        _ when !Identity().IsMatch(manifest.Id.Value) => "its id is none",
        _ when !manifest.CapturedAt.IsPlausible() || !manifest.Id.IsOf(manifest.CapturedAt) => $"its id {manifest.Id} is not of the second that it says was captured ({manifest.CapturedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'})",
        { RestorableFrom: { } from } when !from.IsPlausible() || from < manifest.CapturedAt => "it says that it can be restored to an instant before the one that was captured",
        { Source: "" } or { Schedule: "" } => "it names no source or no schedule",
        _ when NameObjection(manifest) is { } objection => objection,
        _ when !Enum.IsDefined(manifest.Type) || !Enum.IsDefined(manifest.Encoding) => "it names a type or an encoding that there is not",
        _ when !formats.MayBe(manifest.Type, manifest.File) => $"it says type {manifest.Type.Word()}, and {manifest.File} is none by its name",
        _ when manifest.Base is null != (manifest.Type == BackupType.Full) => manifest.Base is null ? "it does not say what it builds on" : "it is full and builds on another one",
        _ when manifest.Encryption is not null != EncryptedName.Is(manifest.File) => $"it says that {manifest.File} is {(manifest.Encryption is null ? "not " : "")}encrypted, and its name says otherwise",
        { Encryption.Recipients: { } recipients } when recipients.Any(recipient => recipient is null || !Recipient().IsMatch(recipient)) => "one of its recipients is none",
        { Base: { } id } when !Identity().IsMatch(id.Value) => "the id of what it builds on is none",
        _ when !IsDigest(manifest.Content) || !IsDigest(manifest.Stored) || manifest.Restored is { } restored && !IsDigest(restored) || !manifest.HasSoundFingerprint => "one of its lengths or SHA-256 can't be one",
        _ => PartsObjection(manifest),
    };

    /// <summary>Whether an instant is one that a clock may have shown, and can be reckoned with.</summary>
    public static bool IsPlausible(this DateTimeOffset instant) => instant.UtcDateTime.Year is >= 1970 and < 9000;

    private static string? NameObjection(BackupManifest manifest)
    {
        if (manifest.Adopted)
        {
            return manifest.Id == BackupId.ForAdopted(manifest.CapturedAt, manifest.File) && manifest is { Schedule: BackupManifest.ManualSchedule, Type: BackupType.Full }
                ? null
                : $"it says that {manifest.File} was adopted, and its id, schedule or type are not those of such a file";
        }

        var prefix = manifest.Schedule + "_";
        if (!manifest.File.StartsWith(prefix, StringComparison.Ordinal))
            return $"it says schedule {manifest.Schedule}, and {manifest.File} is not of that by its name";
        return DateTime.TryParseExact(manifest.File.AsSpan(prefix.Length, Math.Min(TimeLength, manifest.File.Length - prefix.Length)), BackupFiles.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local)
            && (local - WholeSecond(manifest.CapturedAt)).Duration() is var ahead && ahead <= FarthestZone && ahead.Ticks % ZoneStep.Ticks == 0
            ? null
            : $"it says that {manifest.CapturedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'} was captured, and {manifest.File} is of another time by its name";
    }

    private static string? PartsObjection(BackupManifest manifest)
    {
        if (manifest.Parts.Count == 0)
            return null;
        if (manifest.Parts.Count > MostParts || manifest.Parts.Any(part => part is null)) // a reader's annotations reach no member of a list
            return $"it names {manifest.Parts.Count} parts, or one that is none";
        if (manifest.Parts.FirstOrDefault(part => !PartName().IsMatch(part.Name) || BackupFiles.CompanionsOf("").Contains("." + part.Name, StringComparer.Ordinal) || BackupFiles.IsSetAside("." + part.Name)) is { } odd)
            return $"no part is called {odd.Name}";
        if (manifest.Parts.Any(part => !IsDigest(part.Content) || !IsDigest(part.Stored) || !Enum.IsDefined(part.Encoding)))
            return "one of its parts' lengths, SHA-256 or encodings can't be one";
        return manifest.PartNames.Distinct(StringComparer.Ordinal).Count() == manifest.Parts.Count ? null : "it names a part twice";
    }

    private static bool IsDigest(ArtifactDigest digest) =>
        digest is { Length: >= 0 and <= LargestLength, HasSha256: true };

    private static DateTime WholeSecond(DateTimeOffset instant) => new(instant.UtcTicks - (instant.UtcTicks % TimeSpan.TicksPerSecond));

    /// <summary>What is shown to people and written into a configuration, so it holds nothing that means something there.</summary>
    [GeneratedRegex(@"^age1[0-9a-z]{1,2000}\z")]
    private static partial Regex Recipient();

    [GeneratedRegex(@"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}\z")]
    private static partial Regex Identity();

    /// <summary>No way out of the directory, and nothing that a terminal would take for a command.</summary>
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex PartName();
}
