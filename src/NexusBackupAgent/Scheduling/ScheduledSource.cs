using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Scheduling;

/// <summary>A named cron entry of a source.</summary>
internal sealed record Schedule(string Name, CronSchedule Cron, BackupType Type);

/// <summary>When stored backups are read back (runbook §7: daily).</summary>
/// <param name="Cron">The newest backup is read each time.</param>
/// <param name="Spread">Within which every backup is read at least once.</param>
internal sealed record VerifySchedule(CronSchedule Cron, TimeSpan Spread)
{
    /// <summary>Daily at 04:30, each backup within 7 days.</summary>
    public static VerifySchedule Standard { get; } = new(CronSchedule.Parse("30 4 * * *"), TimeSpan.FromDays(7));
}

/// <summary>A source and when it is backed up.</summary>
/// <param name="Source">What a run of it needs.</param>
/// <param name="Schedules">Empty when only manual backups are made.</param>
/// <param name="RpoWarning">Level L1 when its newest good backup is older.</param>
/// <param name="RpoCritical">Level L2 when its newest good backup is older.</param>
internal sealed record ScheduledSource(ProtectedSource Source, IReadOnlyList<Schedule> Schedules, TimeSpan RpoWarning, TimeSpan RpoCritical)
{
    public string Name => Source.Name;

    /// <summary>Level L3 when its newest good backup is older.</summary>
    public TimeSpan RpoEmergency { get; init; } = RpoCritical + CriticalTimeFrame;

    /// <summary>How long the runbook gives L2 to mend what it was called for (§4).</summary>
    public static readonly TimeSpan CriticalTimeFrame = TimeSpan.FromHours(2);

    /// <summary>The daily review of each of its schedules.</summary>
    /// <param name="backups">Its backups.</param>
    /// <param name="knownSince">Since when each schedule is what it is, by source and schedule.</param>
    /// <param name="isRunning">Whether a run of it is under way.</param>
    /// <param name="now">The instant to look at.</param>
    public IReadOnlyList<MissingBackups> Review(
        IReadOnlyList<Backup> backups, IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> knownSince, bool isRunning, DateTimeOffset now) =>
        [.. Schedules.Select(schedule => MissingBackups.Find(
            schedule,
            Source.Retention.GetValueOrDefault(schedule.Name, RetentionPeriod.Forever),
            backups,
            knownSince.TryGetValue((Name, schedule.Name), out var since) ? since : null,
            isRunning,
            now,
            Source.Zone))];

    /// <summary>When its backups are read back again; null: never by itself.</summary>
    public VerifySchedule? Verify { get; init; }

    /// <summary>When a restore is practised; null: never by itself.</summary>
    public CronSchedule? Drill { get; init; }
}
