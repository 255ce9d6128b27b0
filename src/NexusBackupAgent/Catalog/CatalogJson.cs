using NexusBackupAgent.Sources;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Catalog;

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
internal sealed class LowerCaseEnumConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase)
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
