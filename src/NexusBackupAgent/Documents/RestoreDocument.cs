using System.Text.Json.Serialization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Documents;

/// <summary>What <c>restore --json</c> prints.</summary>
/// <param name="Result"><c>restored</c>, <c>failed</c>, or <c>planned</c> of a dry run.</param>
/// <param name="AgeSeconds">How old the restored state is.</param>
/// <param name="SafetyCopy">Where the old one is kept; null when there was none.</param>
/// <param name="SetAside">Files beside the safety copy that belong to it; empty when there are none.</param>
/// <param name="PassedOver">Newer backups that were not restored, and why.</param>
/// <param name="Plan">Only of a dry run.</param>
/// <param name="NotRecorded">Why the journal does not have it; null when it has.</param>
/// <param name="Owner">User and group of what was restored, as <c>chown</c> takes them.</param>
/// <param name="Mode">Its mode in octal.</param>
/// <param name="Chown">What to type if the service of a database that was lost runs as another user; null when there was a file, or of a restore elsewhere.</param>
internal sealed record RestoreDocument(
    string Source,
    string Result,
    string? Id,
    string? File,
    string? CapturedAt,
    double? AgeSeconds,
    string? Reason,
    string? Target,
    string? SafetyCopy,
    IReadOnlyList<string> SetAside,
    double? Seconds,
    IReadOnlyList<PassedOverDocument> PassedOver,
    RestorePlanDocument? Plan,
    string? Failure,
    string? Message,
    string? Hint,
    string? NotRecorded = null,
    string? Owner = null,
    string? Mode = null,
    string? Chown = null)
{
    /// <summary>The instant that it was recovered to; null: the state is that of the backup.</summary>
    public string? RecoveredTo { get; init; }

    /// <summary>The further store that it was taken from; absent: the first.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Store { get; init; }

    public static RestoreDocument Of(string source, RestoreRecord record, IReadOnlyList<RestoreCandidate> passedOver, DateTimeOffset now)
    {
        var outcome = record.Outcome;
        var backup = outcome?.Backup.Backup;
        return new RestoreDocument(
            source,
            outcome is null ? "failed" : "restored",
            backup?.Id.Value,
            backup?.File,
            backup is null ? null : JsonTime.Utc(backup.CapturedAt),
            outcome is null ? null : Math.Round((now - outcome.Backup.StateOf).TotalSeconds),
            outcome?.Backup.Reason,
            outcome?.Place.Location,
            outcome?.Place.SafetyCopy,
            outcome?.Place.SetAside ?? [],
            Math.Round(record.Operation.Took.TotalSeconds, 3),
            PassedOverDocument.Of(passedOver),
            Plan: null,
            record.Operation.Failure?.Kind.CamelWord(),
            record.Operation.Failure?.Message,
            record.Operation.Failure?.Hint,
            record.NotRecorded,
            outcome?.Place.Owner?.Names,
            outcome?.Place.Owner?.Octal,
            outcome?.Place.Chown)
        {
            RecoveredTo = outcome?.Backup.Instant is { } instant ? JsonTime.Utc(instant.At) : null,
            Store = outcome?.Backup.Copy?.Store.Name,
        };
    }

    /// <param name="changes">Null: the source is replaced as a whole, or nobody asked.</param>
    public static RestoreDocument Of(RestorePreview preview, LastDrill? lastDrill, RestoreChanges? changes)
    {
        var (backup, refusal) = (preview.Chosen.Backup, preview.Impossible);
        return new RestoreDocument(
            preview.Request.Name,
            "planned",
            backup.Id.Value,
            backup.File,
            JsonTime.Utc(backup.CapturedAt),
            Math.Round(preview.Age.TotalSeconds),
            preview.Chosen.Reason,
            preview.Target.Location,
            preview.SafetyCopy,
            SetAside: [],
            Seconds: null,
            PassedOverDocument.Of(preview.Plan.PassedOver),
            RestorePlanDocument.Of(preview, lastDrill) with { Changes = changes is null ? null : RestoreChangesDocument.Of(changes) },
            refusal?.Kind.CamelWord(),
            refusal?.Message,
            refusal?.Hint)
        {
            RecoveredTo = preview.Chosen.Instant is { } instant ? JsonTime.Utc(instant.At) : null,
        };
    }

    /// <summary>Of a restore that did not begin.</summary>
    public static RestoreDocument Of(string source, RunFailure failure) => new(
        source, "failed", Id: null, File: null, CapturedAt: null, AgeSeconds: null, Reason: null, Target: null, SafetyCopy: null, SetAside: [], Seconds: null, [], Plan: null, failure.Kind.CamelWord(), failure.Message, failure.Hint);
}

internal sealed record PassedOverDocument(string Id, string File, string Reason)
{
    public static IReadOnlyList<PassedOverDocument> Of(IReadOnlyList<RestoreCandidate> candidates) =>
        [.. candidates.Select(candidate => new PassedOverDocument(candidate.Backup.Id.Value, candidate.Backup.File, candidate.Reason))];
}

/// <param name="OverwritesBytes">Of what would be replaced, with its companions; 0 when there is nothing.</param>
/// <param name="Before">Commands, as a shell would be given them.</param>
/// <param name="After">Commands, as a shell would be given them.</param>
/// <param name="AvailableBytes">Null when that can't be asked.</param>
/// <param name="LastDrillSeconds">Null when there was none.</param>
/// <param name="NeedsForce">Whether the restore begins with <c>--force</c> only.</param>
/// <param name="Chain">What is restored, in this order: the full one first, then up to the backup itself, then those that it is recovered with.</param>
internal sealed record RestorePlanDocument(
    long OverwritesBytes,
    IReadOnlyList<string> Before,
    IReadOnlyList<string> After,
    string? Health,
    IReadOnlyList<ProcessDocument> OpenIn,
    long NeededBytes,
    long? AvailableBytes,
    double? LastDrillSeconds,
    IReadOnlyList<string> Chain,
    bool NeedsForce)
{
    /// <summary>Null of a source that is replaced as a whole.</summary>
    public RestoreChangesDocument? Changes { get; init; }

    /// <summary>Of an encrypted backup: the file with the key that opens it; null when none here does.</summary>
    public string? Key { get; init; }

    /// <summary>Of a cluster: where each of the backup's goes; null when nobody can tell before the backup is read.</summary>
    public IReadOnlyList<TablespaceDocument>? Tablespaces { get; init; }

    public static RestorePlanDocument Of(RestorePreview preview, LastDrill? lastDrill)
    {
        var settings = preview.Target.IsLive ? preview.Request.Settings : RestoreSettings.None;
        return new RestorePlanDocument(
            preview.Target.Length,
            [.. settings.Before.Select(ToolProcess.Line)],
            [.. settings.After.Select(ToolProcess.Line)],
            settings.Health.Count == 0 ? null : string.Join(", ", settings.Health.Select(question => question.Shown)),
            [.. preview.Users.Select(user => new ProcessDocument(user.Process, user.Command))],
            preview.Needed,
            preview.Available,
            lastDrill is { Passed: true } ? Math.Round(lastDrill.Took.TotalSeconds, 3) : null,
            [.. preview.Chosen.Backup.Chain.Reverse().Concat(preview.Chosen.Instant?.Through ?? []).Select(link => link.File)],
            preview.NeedsForce)
        {
            Key = preview.Key?.Key,
            Tablespaces = preview.Parts is { } parts ? [.. parts.Select(part => new TablespaceDocument(part.From, part.To))] : null,
        };
    }
}

/// <summary>What a restore would change, file by file.</summary>
/// <param name="LeftOff">How many of the changes are not listed.</param>
internal sealed record RestoreChangesDocument(int Added, int Changed, int Deleted, int LeftOff, IReadOnlyList<RestoreChangeDocument> Files)
{
    public static RestoreChangesDocument Of(RestoreChanges changes) => new(
        changes.Added, changes.Changed, changes.Deleted, changes.LeftOff,
        [.. changes.First.Select(change => new RestoreChangeDocument(change.Kind.Word(), change.Path, change.Bytes, change.What))]);
}

/// <param name="Change"><c>add</c>, <c>change</c> or <c>delete</c>.</param>
/// <param name="What">What is different of one that changes: <c>content, mode</c>.</param>
internal sealed record RestoreChangeDocument(string Change, string Path, long SizeBytes, string? What);

/// <param name="From">Its directory when it was backed up.</param>
/// <param name="To">The one that it gets.</param>
internal sealed record TablespaceDocument(string From, string To);

internal sealed record ProcessDocument(int Process, string Command);
