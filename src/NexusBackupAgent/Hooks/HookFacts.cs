using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Hooks;

/// <summary>What a hook is told, as one JSON document and as environment variables. Times are ISO 8601 UTC; null is unknown.</summary>
internal sealed record HookFacts(
    string Event,
    string Result,
    string Source,
    string? Schedule,
    string? Type,
    string? FullBecause,
    string? Failure,
    string? Class,
    string? Message,
    string? Hint,
    string? Id,
    string? File,
    long? SizeBytes,
    long? ContentBytes,
    string StartedAt,
    string EndedAt,
    int? Attempts,
    int ConsecutiveFailures,
    string Host,
    string AgentVersion)
{
    private const string Prefix = "NEXUS_BACKUP_";

    /// <param name="consecutiveFailures">Failed runs of the source since the last success.</param>
    public static HookFacts Of(HookEvent told, int consecutiveFailures)
    {
        var (operation, manifest) = (told.Operation, told.Backup?.Manifest);
        var failure = operation.Failure;
        return new HookFacts(
            operation.Kind.Word(),
            (failure is null ? RunResult.Success : RunResult.Failure).Word(),
            operation.Source,
            operation.Schedule ?? manifest?.Schedule,
            (operation.Type ?? manifest?.Type)?.Word(),
            operation.FullBecause,
            failure?.Kind.CamelWord(),
            failure?.Kind.Class().Word(),
            failure?.Message,
            failure?.Hint,
            manifest?.Id.Value,
            told.File,
            told.Backup?.ActualLength,
            manifest is { IsCommitted: true } ? manifest.Content.Length : null,
            Utc(operation.StartedAt),
            Utc(operation.EndedAt ?? operation.StartedAt),
            told.Attempts,
            consecutiveFailures,
            Environment.MachineName,
            ThisAgent.Version);
    }

    public string ToJson() => JsonSerializer.Serialize(this, HookJson.Readably.HookFacts);

    /// <summary><c>sizeBytes</c> of the document is <c>NEXUS_BACKUP_SIZE_BYTES</c>; what is unknown is empty.</summary>
    public IReadOnlyDictionary<string, string> ToEnvironment()
    {
        using var document = JsonDocument.Parse(ToJson());
        return document.RootElement.EnumerateObject().ToDictionary(
            fact => Prefix + JsonNamingPolicy.SnakeCaseUpper.ConvertName(fact.Name),
            fact => fact.Value.ToString().Replace('\0', ' '), // an environment has no room for it
            StringComparer.Ordinal);
    }

    private static string Utc(DateTimeOffset instant) => instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}

[JsonSerializable(typeof(HookFacts))]
internal sealed partial class HookJson : JsonSerializerContext
{
    /// <summary>Japanese names are letters, not escapes.</summary>
    public static readonly HookJson Readably = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
