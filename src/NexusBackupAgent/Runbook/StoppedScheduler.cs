namespace NexusBackupAgent.Runbook;

/// <summary>[2] and [B] of the flowchart: no agent runs that should, its scheduler has stopped, or no schedule is due ever again. Pure.</summary>
internal static class StoppedScheduler
{
    public static Finding? Find(Observation seen, Commands commands)
    {
        IReadOnlyList<string> then = seen.IsFresh ? [commands.Status()] : [commands.Status(), commands.Backup(seen.Source)];
        return seen switch
        {
            { Agent.RestoresOnly: true } => null,
            _ when seen.State.Source.Schedules.Count == 0 || seen.State.NextRun is null => NothingScheduled(seen, commands),
            { Agent.IsExpected: false, State.Late: { } late } => new Finding(Cause.Scheduler, DiagnosisTexts.Late(late.Schedule.Name, late.Due, seen.Zone), [Commands.Timers, commands.Of("backup", seen.Source, "--schedule", late.Schedule.Name), commands.Status()]),
            { Agent.IsExpected: false } => null,
            { Agent.IsRunning: false } => new Finding(Cause.Scheduler, DiagnosisTexts.Agent(seen), [commands.StartAgent(), .. then]),
            _ when seen.Agent.IsStuck => new Finding(Cause.Scheduler, DiagnosisTexts.Agent(seen), [commands.RestartAgent(), .. then]),
            { State.Late: { } late } => new Finding(Cause.Scheduler, DiagnosisTexts.Late(late.Schedule.Name, late.Due, seen.Zone), [commands.RestartAgent(), .. then]),
            _ => null,
        };
    }

    /// <summary>An operator may choose to make all backups by hand; that is no trouble until they are too old.</summary>
    private static Finding? NothingScheduled(Observation seen, Commands commands) =>
        seen.IsFresh && seen.State.Source.Schedules.Count == 0 ? null : new Finding(Cause.Scheduler, DiagnosisTexts.Schedule(seen), [commands.CheckConfig(), commands.Backup(seen.Source)]);
}
