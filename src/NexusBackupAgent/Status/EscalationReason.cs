using NexusBackupAgent.Common;

namespace NexusBackupAgent.Status;

/// <summary>Who has to act (runbook §4).</summary>
internal enum EscalationLevel
{
    /// <summary>Nobody.</summary>
    Ok,

    /// <summary>The operator.</summary>
    L1,

    /// <summary>The system administrator.</summary>
    L2,

    /// <summary>Management.</summary>
    L3,
}

internal static class EscalationLevels
{
    /// <summary>As the runbook writes it: <c>OK</c>, <c>L1</c>.</summary>
    /// <param name="isNew">Whether it is the level of a new source: <c>NEW</c> in the place of <c>OK</c>.</param>
    public static string Label(this EscalationLevel level, bool isNew = false) =>
        level != EscalationLevel.Ok ? level.ToString() : isNew ? "NEW" : "OK";
}

/// <summary>Where a source stands with its RPO (runbook §4); the words of <c>report --json</c>.</summary>
internal enum RpoStanding
{
    /// <summary>No good backup yet, and still its first day for that.</summary>
    New,

    Within,

    /// <summary>Past <c>rpo.warning</c>: L1.</summary>
    Warning,

    /// <summary>Past <c>rpo.critical</c>: L2.</summary>
    Critical,

    /// <summary>Past <c>rpo.emergency</c>, or there is no good backup: L3.</summary>
    Exceeded,
}

/// <summary>What asks for a level; each but the last is the name of an alert without its <c>NexusBackup</c>.</summary>
internal enum EscalationCause
{
    /// <summary>No good backup at all.</summary>
    None,

    /// <summary>The newest good backup is too old.</summary>
    Stale,

    AllCorrupt,
    Corrupt,
    Failed,
    RetentionOverdue,
    ScheduleOverdue,
    RunStuck,
    StorageFull,
    StoreDown,
    DrillFailed,
    DrillOverdue,

    /// <summary>The last restore over the live source failed, and no good backup of what is there now followed.</summary>
    RestoreFailed,

    SelfTestFailed,
    SchedulerStuck,
    AgentDown,

    /// <summary>A backup lies in the future: a clock is or was wrong.</summary>
    FromFuture,

    /// <summary>Changes between backups are received late, or some were lost.</summary>
    StreamBehind,

    /// <summary>A further store lacks backups for too long, or the last copying to it failed.</summary>
    CopyLate,

    /// <summary>There is no good backup, and no agent has noted the source yet, so nobody knows since when.</summary>
    Unknown,
}

/// <summary>Something that asks for a level.</summary>
/// <param name="Level">Which.</param>
/// <param name="Cause">What.</param>
/// <param name="Reason">The same in words for an operator.</param>
internal sealed record EscalationReason(EscalationLevel Level, EscalationCause Cause, Bilingual Reason)
{
    /// <summary>The further store that it is about; null: the first one, or none.</summary>
    public string? FurtherStore { get; init; }

    /// <summary>The same with what softens it.</summary>
    /// <param name="more">Empty: nothing does.</param>
    public EscalationReason With(Bilingual more) => more.English.Length == 0 ? this : this with { Reason = new($"{Reason.English}; {more.English}", $"{Reason.Japanese}。{more.Japanese}") };
}
