using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace NexusBackupAgent.Documents;

/// <summary>The documents that <c>--json</c> prints and the API answers. The names and values of their fields are a contract.</summary>
[JsonSerializable(typeof(IReadOnlyList<BackupDocument>))]
[JsonSerializable(typeof(IReadOnlyList<RunDocument>))]
[JsonSerializable(typeof(IReadOnlyList<CopyDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DrillDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DecisionDocument>))]
[JsonSerializable(typeof(ConfigurationDocument))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(RestoreDocument))]
[JsonSerializable(typeof(IReadOnlyList<RestoreDocument>))]
[JsonSerializable(typeof(IReadOnlyList<ChecklistDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DiagnosisDocument>))]
[JsonSerializable(typeof(IReadOnlyList<IncidentDocument>))]
[JsonSerializable(typeof(RecoveryDocument))]
[JsonSerializable(typeof(SelfTestDocument))]
[JsonSerializable(typeof(HealthDocument))]
[JsonSerializable(typeof(IReadOnlyList<OperationDocument>))]
[JsonSerializable(typeof(BegunDocument))]
[JsonSerializable(typeof(OperationDocument[]))]
[JsonSerializable(typeof(IReadOnlyList<AuditDocument>))]
[JsonSerializable(typeof(IReadOnlyList<OverviewDocument>))]
[JsonSerializable(typeof(IReadOnlyList<ScheduleDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DayDocument>))]
[JsonSerializable(typeof(StoredBackupDocument))]
[JsonSerializable(typeof(IReadOnlyList<ContentDocument>))]
[JsonSerializable(typeof(ContentDocument))]
[JsonSerializable(typeof(SessionDocument))]
[JsonSerializable(typeof(MeDocument))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(BackupRequest))]
[JsonSerializable(typeof(VerifyRequest))]
[JsonSerializable(typeof(SourceRequest))]
[JsonSerializable(typeof(PruneRequest))]
[JsonSerializable(typeof(RestorePlanRequest))]
[JsonSerializable(typeof(PlannedDocument))]
[JsonSerializable(typeof(RestoreOrder))]
[JsonSerializable(typeof(SettingsDocument))]
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(DateTimeOffset))]
internal sealed partial class JsonDocuments : JsonSerializerContext
{
    /// <summary>As a terminal shows them: Japanese names are letters, not escapes.</summary>
    public static readonly JsonDocuments Readably = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>The same on one line, as an event of a stream.</summary>
    public static readonly JsonDocuments InOneLine = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static void Print<T>(TextWriter output, T document, JsonTypeInfo<T> type) =>
        output.WriteLine(JsonSerializer.Serialize(document, type));
}

/// <summary>Times in documents.</summary>
internal static class JsonTime
{
    /// <summary>ISO 8601 in UTC, to the second: <c>2026-02-14T17:00:00Z</c>.</summary>
    public static string Utc(DateTimeOffset instant) => instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
