using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>What a restore would do, found out without changing anything that is there.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Plan">Which backups would be tried.</param>
/// <param name="Target">What would be put in place.</param>
/// <param name="SafetyCopy">Where the old one would be kept; null when there is none.</param>
/// <param name="Users">Who has the target open now.</param>
/// <param name="Needed">Bytes beside the target: the expanded content and the safety copy. At least: of a hand-made backup only the stored size is known.</param>
/// <param name="Available">Bytes there are; null when that can't be asked.</param>
/// <param name="Now">The instant of the preview.</param>
internal sealed record RestorePreview(
    RestoreRequest Request, RestorePlan Plan, IRestoreTarget Target, string? SafetyCopy, IReadOnlyList<FileUser> Users, long Needed, long? Available, DateTimeOffset Now)
{
    /// <summary>What forbids to restore there; null when nothing does.</summary>
    public required BackupException? Obstacle { get; init; }

    /// <summary>What was deleted there and lives on in programs: to stop them would be the end of it. Null: nothing did.</summary>
    public HeldDeleted? HeldDeleted { get; init; }

    /// <summary>What a restore left there that was killed; this one removes it.</summary>
    public IReadOnlyList<string> Leftovers { get; init; } = [];

    /// <summary>Whether a key here opens what would be restored, as its beginning shows; null when nothing is encrypted.</summary>
    public KeyTrial? Key { get; init; }

    /// <summary>Parts that lie in places of their own; null when nobody can tell before the backup is read.</summary>
    public IReadOnlyList<RestoredPart>? Parts { get; init; } = [];

    public RestoreCandidate Chosen => Plan.Candidates[0];

    /// <summary>Where the chosen backup is.</summary>
    public BackupCatalog ChosenCatalog => Chosen.Copy ?? Request.Catalog;

    /// <summary>How old the restored state would be: what was written since would be lost.</summary>
    public TimeSpan Age => Now - Chosen.StateOf;

    /// <summary>Whether commands would stop the service.</summary>
    public bool StopsService => Target.IsLive && Request.Settings.Before.Count > 0;

    /// <summary>Whether it begins with --force only: something would be replaced.</summary>
    public bool NeedsForce => SafetyCopy is not null && !Request.Force;

    /// <summary>Whether who types it has to stop a program first: somebody has it open, and no command stops them.</summary>
    public bool NeedsStop => Users.Count > 0 && !StopsService;

    /// <summary>Why it would not even begin; null when it would.</summary>
    public BackupException? Refusal => this switch
    {
        _ when Obstacle is { } obstacle => obstacle,
        { HeldDeleted: { } held } => new BackupException(FailureKind.SourceBusy, $"'{Target.Location}' {held.Problem}", held.Mend),
        { NeedsForce: true } => NotForced(),
        { NeedsStop: true } => Target.InUse(Users),
        _ => Impossible,
    };

    /// <summary>Why it can't be done however it is asked for; null when it can.</summary>
    public BackupException? Impossible => Obstacle ?? Key?.Refusal ?? Parts?.Select(part => part.Obstacle).FirstOrDefault(obstacle => obstacle is not null) ?? (Needed > Available ? NoRoom(Request.Source, Target, Needed, Available.Value) : null);

    public static BackupException NoRoom(IBackupSource source, IRestoreTarget target, long needed, long available) => new(
        FailureKind.StoreFull,
        $"'{target.Volume}' has {ByteCount.Text(available)} available and the restore needs {ByteCount.Text(needed)}{(target.Exists ? $": the {source.Noun.English} and the safety copy of the old one" : "")}",
        $"free space there{(target.SpaceCommand is { } command ? $" ({command})" : "")}, or restore elsewhere with --to");

    /// <summary>What comes before the restore where somebody has it open.</summary>
    private string Order => this switch
    {
        { NeedsStop: true, Target.IsLive: true } => "stop that first (systemctl stop …), or have restore.before stop it and restore.after start it; then ",
        { NeedsStop: true } => "stop that first; then ",
        { Users.Count: > 0, StopsService: true } => $"restore.before stops that first ({string.Join("; ", Request.Settings.Before.Select(ToolProcess.Line))}); ",
        _ => "",
    };

    /// <summary>That it exists and may not be replaced.</summary>
    public BackupException NotForced()
    {
        var since = Instants.InZone(Chosen.StateOf, Request.Zone);
        var lost = Target.IsLive ? $"would lose everything since {since} ({SpanText.Measured(Age).English})" : $"would replace it with the state of {since} ({SpanText.Measured(Age).English} ago)";
        return new BackupException(
            FailureKind.Restore,
            $"'{Target.Location}' exists: restoring {Chosen.Backup.File} over it {lost}{(Users.Count > 0 ? $"; it is open in {RestoreTargetInUse.OpenIn(Users)}" : "")}",
            $"{Order}--force does it and keeps the old one as {Target.SafetyForm}; --to PATH restores elsewhere; --dry-run shows the plan");
    }
}
