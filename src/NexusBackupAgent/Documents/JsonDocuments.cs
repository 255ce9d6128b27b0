using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Status;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Documents;

/// <summary>A backup as <c>--json</c> prints it. Times are ISO 8601 UTC; <c>file</c> is where it lies; null where something is unknown.</summary>
internal sealed record BackupDocument(
    string Id,
    string Source,
    string Schedule,
    string Type,
    string? Base,
    string CapturedAt,
    string File,
    long SizeBytes,
    long? ContentBytes,
    string? Sha256,
    string State,
    string? VerifiedAt)
{
    /// <summary>Why it can't be restored for what it builds on; absent when all of that is there.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BrokenChain { get; init; }

    /// <summary>Why it is full although something else was asked for, as far as the journal remembers; absent when it is what was asked for. Only in a list.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FullBecause { get; init; }

    /// <summary>Only where a command verifies.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CheckDocument>? Checks { get; init; }

    public static BackupDocument Of(BackupCatalog catalog, Backup backup)
    {
        var manifest = backup.Manifest;
        return new BackupDocument(
            manifest.Id.Value,
            manifest.Source,
            manifest.Schedule,
            manifest.Type.Word(),
            manifest.Base?.Value,
            Readable.Utc(manifest.CapturedAt),
            catalog.Locate(backup.File),
            backup.ActualLength,
            manifest.IsCommitted ? manifest.Content.Length : null,
            manifest.IsCommitted ? manifest.Stored.Sha256 : null,
            backup.State.Word(),
            backup.Verification is { } verification ? Readable.Utc(verification.VerifiedAt) : null)
        {
            BrokenChain = backup.BrokenChain,
        };
    }
}

/// <summary>One check of a verification.</summary>
internal sealed record CheckDocument(string Check, bool Passed, string Detail);

/// <summary>What <c>verify --self-test --json</c> prints.</summary>
internal sealed record SelfTestDocument(bool Passed, IReadOnlyList<SelfTestCaseDocument> Cases);

/// <param name="Expected">The checks that ought to find the damage.</param>
/// <param name="Found">Those that did.</param>
internal sealed record SelfTestCaseDocument(string Damage, bool Passed, IReadOnlyList<string> Expected, IReadOnlyList<string> Found, string Detail)
{
    public static SelfTestCaseDocument Of(SelfTestResult result) => new(
        result.Name, result.Passed, [.. result.Expected.Select(check => check.Word())], [.. result.Found.Select(check => check.Word())], result.Detail);
}

/// <summary>A run as <c>backup --json</c> prints it.</summary>
internal sealed record RunDocument(
    string Source,
    string Schedule,
    string Type,
    string? FullBecause,
    string Result,
    string? Id,
    string? File,
    long? SizeBytes,
    long? ContentBytes,
    string? Sha256,
    double Seconds,
    string? Failure,
    string? Class,
    string? Message,
    string? Hint)
{
    public static RunDocument Of(BackupCatalog catalog, RunRecord run)
    {
        var manifest = run.Outcome?.Backup.Manifest;
        return new RunDocument(
            run.Source,
            run.Schedule,
            run.TypeMade.Word(),
            run.Outcome?.FullBecause,
            run.Result.Word(),
            manifest?.Id.Value,
            manifest is null ? null : catalog.Locate(manifest.File),
            manifest?.Stored.Length,
            manifest?.Content.Length,
            manifest?.Stored.Sha256,
            Math.Round((run.EndedAt - run.StartedAt).TotalSeconds, 3),
            run.Failure?.Kind.CamelWord(),
            run.Failure?.Kind.Class().Word(),
            run.Failure?.Message,
            run.Failure?.Hint);
    }
}

/// <summary>A retention decision as <c>prune --json</c> prints it.</summary>
/// <param name="Action"><c>keep</c> or <c>remove</c>.</param>
/// <param name="Removed">Whether it was removed; false for every backup of a dry run.</param>
internal sealed record DecisionDocument(string Source, string Id, string Schedule, string CapturedAt, string File, string Action, bool Removed, IReadOnlyList<string> Reasons);

/// <summary>What <c>check-config --json</c> prints.</summary>
internal sealed record ConfigurationDocument(string File, int Errors, int Warnings, IReadOnlyList<ProblemDocument> Problems);

/// <param name="Severity"><c>error</c> or <c>warning</c>.</param>
/// <param name="Line">1-based; null when the problem has none.</param>
internal sealed record ProblemDocument(string Severity, string Key, int? Line, string? Value, string Problem, string Mend)
{
    public static ProblemDocument Of(ConfigurationProblem problem) => new(
        problem.IsError ? "error" : "warning", problem.Key, problem.Line > 0 ? problem.Line : null, problem.Value, problem.Problem, problem.Mend);
}

/// <summary>What <c>status --json</c> prints.</summary>
internal sealed record StatusDocument(AgentDocument Agent, string Level, IReadOnlyList<SourceDocument> Sources, IReadOnlyList<StoreDocument> Stores);

/// <param name="Running">Whether its heartbeat is fresh.</param>
/// <param name="HeartbeatAt">Null when no agent ever ran here.</param>
/// <param name="Level">Of the agent itself: <c>L2</c> when it stopped.</param>
internal sealed record AgentDocument(bool Running, string? HeartbeatAt, string Level);

/// <param name="NewestGood">Null when there is none, or the store can't be read.</param>
/// <param name="Backups">How many; null when the store can't be read.</param>
internal sealed record SourceDocument(
    string Source,
    string Level,
    IReadOnlyList<string> Reasons,
    BackupDocument? NewestGood,
    double? AgeSeconds,
    int? Backups,
    string? RunningSince,
    string? NextRun,
    FailureDocument? LastFailure,
    LastDrillDocument? LastDrill,
    FailureDocument? HookFailure,
    string? RestoreInterruptedAt,
    IReadOnlyList<OrphanDocument> Orphans,
    IReadOnlyList<MissingDocument> Missing);

/// <summary>Backups of a schedule that should be there and are not.</summary>
/// <param name="Expected">How many should be there.</param>
/// <param name="Missing">When those that are not were due, newest first.</param>
internal sealed record MissingDocument(string Schedule, int Expected, IReadOnlyList<string> Missing);

/// <param name="Class"><c>database</c>, <c>storage</c> or <c>other</c>.</param>
internal sealed record FailureDocument(string Failure, string Class, string Message, string Hint)
{
    public static FailureDocument Of(RunFailure failure) =>
        new(failure.Kind.CamelWord(), failure.Kind.Class().Word(), failure.Message, failure.Hint);
}

internal sealed record OrphanDocument(string File, string Reason);

/// <param name="Error">Why it can't be used; null when it can.</param>
internal sealed record StoreDocument(string Store, string Path, string Level, double? UsedRatio, long? SizeBytes, long? AvailableBytes, string? Error);

/// <summary>The documents that <c>--json</c> prints.</summary>
[JsonSerializable(typeof(IReadOnlyList<BackupDocument>))]
[JsonSerializable(typeof(IReadOnlyList<RunDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DrillDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DecisionDocument>))]
[JsonSerializable(typeof(ConfigurationDocument))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(RestoreDocument))]
[JsonSerializable(typeof(IReadOnlyList<ChecklistDocument>))]
[JsonSerializable(typeof(IReadOnlyList<DiagnosisDocument>))]
[JsonSerializable(typeof(IReadOnlyList<IncidentDocument>))]
[JsonSerializable(typeof(SelfTestDocument))]
internal sealed partial class JsonDocuments : JsonSerializerContext
{
    /// <summary>As a terminal shows them: Japanese names are letters, not escapes.</summary>
    public static readonly JsonDocuments Readably = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static void Print<T>(Terminal terminal, T document, JsonTypeInfo<T> type) =>
        terminal.Output.WriteLine(JsonSerializer.Serialize(document, type));
}
