using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>What made the last run fail, compared with what a trial shows now. Pure.</summary>
internal static class LastFailure
{
    /// <summary>
    /// Whether the trial disproves it: the database is there, is one, and is not locked; there is room. Damage needs more than
    /// a trial: a restore, which checked what it put there. What another user may do is not what the agent may do.
    /// </summary>
    public static bool IsOver(Observation seen) => seen.State.LastFailure?.Kind switch
    {
        FailureKind.SourceMissing or FailureKind.SourceInvalid or FailureKind.SourceBusy => seen.SourceFailure is null,
        FailureKind.SourceCorrupt => seen is { SourceFailure: null, IsRestored: true },
        FailureKind.StoreFull => seen.HasRoom,
        FailureKind.StoreUnavailable => seen is { Store.Failure: null, State.IsUnreadable: false, WriteFailure: null },
        _ => false,
    };

    /// <summary>Nothing proves that it is mended but a backup.</summary>
    public static Finding? Find(Observation seen, Commands commands) => seen.State.LastFailure is { } last && IsOver(seen)
        ? new Finding(Cause.Mended, DiagnosisTexts.Mended(last, seen), [commands.Backup(seen.Source)]) { IsPast = true }
        : null;
}
