using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>What made the last run fail, compared with what a trial shows now. Pure.</summary>
internal static class LastFailure
{
    /// <summary>
    /// Whether the trial disproves it: the source can be captured, there is room. Only a restore disproves damage, because it checks
    /// what it puts in place. Nothing disproves a refused permission, since another user tried than the agent's; nor a full store
    /// before there is a backup, since nobody knows what the first one takes.
    /// </summary>
    public static bool IsOver(Observation seen) => seen.State.LastFailure?.Kind switch
    {
        FailureKind.SourceMissing or FailureKind.SourceInvalid or FailureKind.SourceBusy or FailureKind.SourceUnreachable or FailureKind.SourceRefused => seen.SourceFailure is null,
        FailureKind.SourceCorrupt => seen is { SourceFailure: null, IsRestored: true },
        FailureKind.StoreFull => seen is { HasRoom: true, IsSizeKnown: true },
        FailureKind.StoreUnavailable or FailureKind.Network => seen is { Store.Failure: null, State.IsUnreadable: false, WouldFail: null },
        _ => false,
    };

    /// <summary>Only a backup proves that it is mended.</summary>
    public static Finding? Find(Observation seen, Commands commands) => seen.State.LastFailure is { } last && IsOver(seen)
        ? new Finding(Cause.Mended, DiagnosisTexts.Mended(last, seen), [commands.Backup(seen.Source)]) { IsPast = true }
        : null;

    /// <summary>A run that died says nothing about why the one before it failed.</summary>
    public static Finding? FindDied(Observation seen, Commands commands) => seen.DiedRun is { } began
        ? new Finding(Cause.Died, DiagnosisTexts.Died(ValueText.Minute(began, seen.Zone)), [commands.Backup(seen.Source)]) { IsPast = true }
        : null;
}
