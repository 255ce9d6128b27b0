using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Status;

/// <summary>What is known of one source when its level is decided.</summary>
/// <param name="Backups">Its backups; null when the store can't be listed.</param>
/// <param name="AddedAt">When the agent first saw it, UTC; null when it never did.</param>
/// <param name="ConsecutiveFailures">Failed runs since the last success.</param>
/// <param name="Overdue">Backups past retention that are still there.</param>
/// <param name="DiskUsedRatio">Of its store, 0 to 1; null when the store does not tell.</param>
/// <param name="RpoWarning">L1 from this age of the newest good backup on.</param>
/// <param name="RpoCritical">L2 from this age on.</param>
internal sealed record SourceCondition(
    IReadOnlyList<Backup>? Backups,
    DateTimeOffset? AddedAt,
    int ConsecutiveFailures,
    int Overdue,
    double? DiskUsedRatio,
    TimeSpan RpoWarning,
    TimeSpan RpoCritical)
{
    /// <summary>Whether its store can be used, and written; what can be read may refuse the next backup.</summary>
    public bool IsStoreUp { get; init; } = true;

    /// <summary>Whether a run of it ever succeeded: then that there is no good backup is a loss, and no beginning.</summary>
    public bool HasSucceeded { get; init; }

    /// <summary>A schedule that is due for longer than its grace and has not started; null when there is none.</summary>
    public string? LateSchedule { get; init; }

    /// <summary>When the run started that the agent has under way, UTC; null when there is none, or no agent.</summary>
    public DateTimeOffset? RunStartedAt { get; init; }

    /// <summary>When the last restore drill ended, UTC; null when none was held: who never drilled is not reminded.</summary>
    public DateTimeOffset? LastDrillAt { get; init; }

    /// <summary>Whether that drill failed.</summary>
    public bool HasDrillFailed { get; init; }

    /// <summary>When the last restore over the source's own database ended, if it failed, UTC; null when it succeeded, or none was made.</summary>
    public DateTimeOffset? RestoreFailedAt { get; init; }

    /// <summary>When the last run since then began that succeeded, as the journal has it, UTC; null when none did. Asked when the backups themselves can't be.</summary>
    public DateTimeOffset? LastGoodRunAt { get; init; }
}
