using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>The next command for a level that no cause of the flowchart explains: the newest backup is good, and something else is not. Pure.</summary>
internal static class NextCommand
{
    /// <returns>Null when no command helps.</returns>
    public static string? For(EscalationReason reason, Observation seen, Commands commands) => reason.Cause switch
    {
        EscalationCause.StoreDown or EscalationCause.StorageFull when reason.FurtherStore is { } further => seen.AskFurther(further, reason.Cause == EscalationCause.StoreDown ? StoreQuestion.WhichDisk : StoreQuestion.HowFull) ?? commands.CheckConfig(),
        EscalationCause.DrillFailed or EscalationCause.DrillOverdue => commands.Of("drill", seen.Source),
        EscalationCause.Corrupt or EscalationCause.AllCorrupt => commands.VerifyAll(seen.Source),
        EscalationCause.CopyLate => commands.Copy(seen.Source),
        EscalationCause.SelfTestFailed => commands.Of("verify", "--self-test"),
        EscalationCause.RetentionOverdue or EscalationCause.StorageFull => commands.PruneDryRun(seen.Source),
        EscalationCause.None or EscalationCause.Unknown or EscalationCause.Stale or EscalationCause.Failed => commands.Backup(seen.Source),
        EscalationCause.StoreDown => seen.AskStore(StoreQuestion.WhichDisk).FirstOrDefault(),
        EscalationCause.FromFuture => "timedatectl",
        EscalationCause.AgentDown or EscalationCause.SchedulerStuck or EscalationCause.ScheduleOverdue or EscalationCause.RunStuck or EscalationCause.StreamBehind => commands.Status(),
        _ => null,
    };
}
