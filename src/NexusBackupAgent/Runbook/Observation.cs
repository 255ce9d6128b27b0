using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>What was seen of one source before its trouble is named (runbook §3.1).</summary>
/// <param name="Status">Its backups, runs and schedules.</param>
/// <param name="Agent">The agent of this host.</param>
/// <param name="Store">Its store.</param>
/// <param name="Directory">Where its backups lie.</param>
/// <param name="Database">Where the database lies; null when the configuration does not tell.</param>
/// <param name="SafetyCopies">What restores kept of it (<c>.pre_restore.…</c>, beside it), newest first.</param>
/// <param name="ReadBack">The newest backup, read back now; null when there is none, or for a diagnosis none that is fresh.</param>
/// <param name="WriteFailure">Why nothing can be written where its backups lie; null when a trial succeeded.</param>
/// <param name="DatabaseFailure">Why no snapshot of the database can be opened; null when a trial succeeded.</param>
/// <param name="Scratch">Where databases are expanded.</param>
/// <param name="ScratchSpace">The room there; null when it can't be asked.</param>
/// <param name="User">Who looked. Another user may be allowed more, or less.</param>
/// <param name="Zone">The zone of the times that people read.</param>
/// <param name="Now">When, UTC.</param>
internal sealed record Observation(
    SourceStatus Status,
    AgentCondition Agent,
    StoreStatus Store,
    string Directory,
    string? Database,
    IReadOnlyList<string> SafetyCopies,
    ReadBack? ReadBack,
    BackupException? WriteFailure,
    BackupException? DatabaseFailure,
    string Scratch,
    StoreSpace? ScratchSpace,
    string User,
    TimeZoneInfo Zone,
    DateTimeOffset Now)
{
    public string Source => Status.Name;

    /// <summary>Bytes of the database's file; 0 when it can't be asked.</summary>
    public long DatabaseLength { get; init; }

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
    public BackupException? Refusal => ((BackupException?[])[Store.Failure, Status.ListFailure, WriteFailure, ReadBack?.Failure, DatabaseFailure])
        .FirstOrDefault(failure => failure?.Kind is FailureKind.Permission or FailureKind.Journal);

    /// <summary>Bytes that the database, or the largest known content, takes when it is expanded.</summary>
    public long ScratchNeeded => Status.Backups.Where(backup => backup.Manifest.IsCommitted).Select(backup => backup.ExpandedLength).Append(DatabaseLength).Max();

    /// <summary>Whether the next backup finds room, as far as its size can be known.</summary>
    public bool HasRoom => WriteFailure is null && ReadBack?.Failure?.Kind != FailureKind.StoreFull && DatabaseFailure?.Kind != FailureKind.StoreFull
        && Store is { Failure: null, Space: { } space } && space.Available >= SpaceGuard.Estimate(Status.Backups, BackupType.Full)
        && ScratchSpace?.Available >= ScratchNeeded;

    /// <summary>Whether there is a backup that a restore would try; so it is assumed while the store can't be read.</summary>
    public bool CanRestore => Status.IsUnreadable || Status.Backups.Any(backup => backup.State is BackupState.Good or BackupState.Unverified);

    /// <summary>What a run would meet now; null when nothing.</summary>
    public BackupException? WouldFail => WriteFailure ?? DatabaseFailure;

    public bool IsFresh => Status.NewestGood is { } good && Now - good.CapturedAt < Status.Source.RpoWarning;
}
