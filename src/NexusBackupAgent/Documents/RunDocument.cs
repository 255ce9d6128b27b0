using System.Text.Json.Serialization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Documents;

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
    /// <summary>What reading it back could not check, or found that is no damage; absent when there is nothing to say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Note { get; init; }

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
            run.Failure?.Hint)
        {
            Note = run.Outcome?.Backup.Verification?.Note,
        };
    }
}
