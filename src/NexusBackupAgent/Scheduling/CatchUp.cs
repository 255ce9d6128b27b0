using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Scheduling;

/// <summary>Decides what a starting agent runs at once. Pure.</summary>
internal static class CatchUp
{
    /// <summary>
    /// A schedule whose last occurrence found no agent is due now. A source without any good backup is due as well, on
    /// the schedule that comes next anyway: protection begins when the agent does, not at the next 02:00.
    /// </summary>
    /// <param name="schedules">The source's schedules.</param>
    /// <param name="backups">Its backups.</param>
    /// <param name="addedAt">When the agent first saw the source: what should have run before that was not missed.</param>
    /// <param name="lastStarted">When the journal last saw a run of a schedule start.</param>
    /// <param name="now">The instant to decide at.</param>
    /// <param name="zone">The zone of the cron expressions.</param>
    public static IReadOnlyList<Schedule> Due(
        IReadOnlyList<Schedule> schedules,
        IReadOnlyList<Backup> backups,
        DateTimeOffset addedAt,
        Func<Schedule, DateTimeOffset?> lastStarted,
        DateTimeOffset now,
        TimeZoneInfo zone)
    {
        var missed = schedules.Where(schedule => IsMissed(schedule, backups, addedAt, lastStarted(schedule), now, zone)).ToList();
        if (missed.Count > 0 || backups.NewestGood(now) is not null)
            return missed;

        var next = schedules
            .Where(schedule => lastStarted(schedule) is null)
            .MinBy(schedule => schedule.Cron.GetNextOccurrence(now, zone) ?? DateTimeOffset.MaxValue);
        return next is null ? [] : [next];
    }

    private static bool IsMissed(
        Schedule schedule, IReadOnlyList<Backup> backups, DateTimeOffset addedAt, DateTimeOffset? lastStarted, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (schedule.Cron.GetPreviousOccurrence(now, zone) is not { } expected || addedAt > expected)
            return false;
        var newest = backups.Where(backup => backup.Schedule == schedule.Name && !backup.IsFromTheFuture(now)).Select(backup => (DateTimeOffset?)backup.CapturedAt).Max();
        return !(lastStarted >= expected && lastStarted <= now) && !(newest >= expected); // a run in the future was started by a wrong clock
    }
}
