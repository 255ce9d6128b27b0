using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Scheduling;

/// <summary>Decides what an agent runs at once, whatever its schedules say. Pure.</summary>
internal static class CatchUp
{
    private static readonly TimeSpan LossInterval = TimeSpan.FromHours(1);

    /// <summary>
    /// A schedule whose last occurrence found no agent is due now. A source without any good backup is due as well, on
    /// the schedule that comes next anyway: protection begins when the agent does, not at the next 02:00.
    /// </summary>
    /// <param name="schedules">The source's schedules.</param>
    /// <param name="backups">Its backups.</param>
    /// <param name="addedAt">When the agent first saw the source: what should have run before that was not missed.</param>
    /// <param name="lastStarted">When the journal last saw a run of a schedule start.</param>
    /// <param name="lastStart">When the source's last run started, on any schedule, and whether it succeeded; null when there was none, or the store's disk may not be mounted.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <param name="zone">The zone of the cron expressions.</param>
    public static IReadOnlyList<Schedule> Due(
        IReadOnlyList<Schedule> schedules,
        IReadOnlyList<Backup> backups,
        DateTimeOffset addedAt,
        Func<Schedule, DateTimeOffset?> lastStarted,
        (DateTimeOffset At, bool Succeeded)? lastStart,
        DateTimeOffset now,
        TimeZoneInfo zone)
    {
        var missed = schedules.Where(schedule => IsMissed(schedule, backups, addedAt, lastStarted(schedule), now, zone)).ToList();
        if (missed.Count > 0 || backups.NewestGood(now) is not null)
            return missed;

        var next = Next(IsLost(backups, lastStart) ? schedules : schedules.Where(schedule => lastStarted(schedule) is null), now, zone);
        return next is null ? [] : [next];
    }

    /// <summary>
    /// What an agent at work runs at once: that all backups are lost is not left until the next 02:00. A store that loses
    /// what it is given would be filled in a loop, so a run of the last hour is enough.
    /// </summary>
    /// <param name="lastStart">When the source's last run started, on any schedule, and whether it succeeded; null when there was none.</param>
    /// <returns>Null when nothing is.</returns>
    public static Schedule? AfterLoss(IReadOnlyList<Schedule> schedules, IReadOnlyList<Backup> backups, (DateTimeOffset At, bool Succeeded)? lastStart, DateTimeOffset now, TimeZoneInfo zone) =>
        IsLost(backups, lastStart) && now - lastStart!.Value.At >= LossInterval ? Next(schedules, now, zone) : null;

    /// <summary>What is corrupt has a way of its own to be replaced; and where the last run failed, another one would too.</summary>
    private static bool IsLost(IReadOnlyList<Backup> backups, (DateTimeOffset At, bool Succeeded)? lastStart) =>
        lastStart is { Succeeded: true } && backups.Count == 0;

    private static Schedule? Next(IEnumerable<Schedule> schedules, DateTimeOffset now, TimeZoneInfo zone) =>
        schedules.MinBy(schedule => schedule.Cron.GetNextOccurrence(now, zone) ?? DateTimeOffset.MaxValue);

    private static bool IsMissed(
        Schedule schedule, IReadOnlyList<Backup> backups, DateTimeOffset addedAt, DateTimeOffset? lastStarted, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (schedule.Cron.GetPreviousOccurrence(now, zone) is not { } expected || addedAt > expected)
            return false;
        var newest = backups.Where(backup => backup.Schedule == schedule.Name && !backup.IsFromTheFuture(now)).Select(backup => (DateTimeOffset?)backup.CapturedAt).Max();
        return !(lastStarted >= expected && lastStarted <= now) && !(newest >= expected); // a run in the future was started by a wrong clock
    }
}
