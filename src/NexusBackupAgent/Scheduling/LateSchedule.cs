namespace NexusBackupAgent.Scheduling;

/// <summary>Finds what should have started and did not (runbook §1: 自動バックアップ未実行). Pure.</summary>
internal static class LateSchedule
{
    /// <summary>As the alert NexusBackupScheduleOverdue gives: half an hour, and five minutes to be sure.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(35);

    /// <param name="schedules">The source's schedules.</param>
    /// <param name="addedAt">When the agent first saw the source: what was due before that is not late.</param>
    /// <param name="lastStarted">When the journal last saw a run of a schedule start.</param>
    /// <param name="now">The instant to look at.</param>
    /// <param name="zone">The zone of the cron expressions.</param>
    /// <returns>The schedule that is late for longest, and when it was due; null when none is.</returns>
    public static (Schedule Schedule, DateTimeOffset Due)? Find(
        IEnumerable<Schedule> schedules, DateTimeOffset addedAt, Func<Schedule, DateTimeOffset?> lastStarted, DateTimeOffset now, TimeZoneInfo zone)
    {
        var late = schedules
            .Select(schedule => (Schedule: schedule, Due: schedule.Cron.GetPreviousOccurrence(now - Grace, zone)))
            .Where(candidate => candidate.Due > addedAt && !(lastStarted(candidate.Schedule) >= candidate.Due))
            .OrderBy(candidate => candidate.Due)
            .ToList();
        return late.Count == 0 ? null : (late[0].Schedule, late[0].Due!.Value);
    }
}
