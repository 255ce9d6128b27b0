using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>A source's state, and what an operator would try before the trouble is named (runbook §3.1).</summary>
/// <param name="State">Its backups, runs, schedules and store.</param>
/// <param name="Agent">The agent of this host.</param>
/// <param name="Inspection">The live source, as an operator finds it.</param>
/// <param name="Directory">Where its backups lie.</param>
/// <param name="ReadBack">The newest backup, read back now; null when there is none, or for a diagnosis none that is fresh.</param>
/// <param name="WriteFailure">Why nothing can be written where its backups lie; null when a trial succeeded.</param>
/// <param name="SourceFailure">Why no state of the live source can be captured; null when a trial succeeded.</param>
/// <param name="Scratch">Where backups are expanded.</param>
/// <param name="ScratchSpace">The room there; null when it can't be asked.</param>
/// <param name="User">Who looked. Another user may be allowed more, or less.</param>
internal sealed record Observation(
    SourceState State,
    AgentState Agent,
    ISourceInspection Inspection,
    string Directory,
    ReadBack? ReadBack,
    BackupException? WriteFailure,
    BackupException? SourceFailure,
    string Scratch,
    StoreSpace? ScratchSpace,
    string User)
{
    public string Source => State.Name;

    public StoreStatus Store => State.Store;

    public DateTimeOffset Now => State.Now;

    /// <summary>The zone of the times that people read.</summary>
    public TimeZoneInfo Zone => State.Source.Source.Zone;

    /// <summary>What restores kept of the live source, newest first.</summary>
    public IReadOnlyList<string> SafetyCopies { get; init; } = [];

    /// <summary>Bytes of the live source; 0 when it can't be asked.</summary>
    public long SourceLength { get; init; }

    /// <summary>Whether the database was restored since the last run ended.</summary>
    public bool IsRestored { get; init; }

    /// <summary>Whose the state directory is, and so the agent; null when it is who looked, or nothing tells.</summary>
    public SystemUser? OtherOwner { get; init; }

    /// <summary>Whether nothing at all lies in the store, as on a mount point without its disk.</summary>
    public bool IsStoreBare { get; init; }

    /// <summary>Whether root looked, who may see everything.</summary>
    public bool IsRoot { get; init; }

    /// <summary>To whom what the agent has to use is given.</summary>
    public string AgentUser => OtherOwner?.Name ?? User;

    /// <summary>Whether who looked may not see what the agent sees, so that nothing follows from what was refused.</summary>
    public bool IsBlind => OtherOwner is not null && !IsRoot && Refusal is not null;

    /// <summary>The first thing that this user may not read or write; null when there is none.</summary>
    public BackupException? Refusal => ((BackupException?[])[Store.Failure, State.ListFailure, WriteFailure, ReadBack?.Failure, SourceFailure])
        .FirstOrDefault(failure => failure?.Kind is FailureKind.Permission or FailureKind.Journal);

    /// <summary>Bytes that the live source, or the largest backup, takes when it is expanded.</summary>
    public long ScratchNeeded => State.Backups.Where(backup => backup.Manifest.IsCommitted).Select(backup => backup.ExpandedLength).Append(SourceLength).Max();

    /// <summary>Whether the next backup finds room, as far as its size can be known.</summary>
    public bool HasRoom => WriteFailure is null && ReadBack?.Failure?.Kind != FailureKind.StoreFull && SourceFailure?.Kind != FailureKind.StoreFull
        && Store is { Failure: null, Space: { } space } && space.Available >= SpaceGuard.Estimate(State.Backups, BackupType.Full)
        && ScratchSpace?.Available >= ScratchNeeded;

    /// <summary>Whether there is a backup that a restore would try; so it is assumed while the store can't be read.</summary>
    public bool CanRestore => State.IsUnreadable || State.Backups.Any(backup => backup.State is BackupState.Good or BackupState.Unverified);

    /// <summary>What a run would meet now; null when nothing.</summary>
    public BackupException? WouldFail => WriteFailure ?? SourceFailure;

    public bool IsFresh => State.NewestGood is { } good && Now - good.CapturedAt < State.Source.RpoWarning;

    /// <summary>The command that answers a question about the live source; none where its kind has no such command.</summary>
    public IEnumerable<string> Ask(SourceQuestion question) => Inspection.CommandFor(question) is { } command ? [command] : [];
}
