using NexusBackupAgent.Catalog;
using NexusBackupAgent.Runs;

namespace NexusBackupAgent.Scheduling;

/// <summary>A named cron entry of a source.</summary>
internal sealed record Schedule(string Name, CronSchedule Cron, BackupType Type);

/// <summary>A source and when it is backed up.</summary>
/// <param name="Source">What a run of it needs.</param>
/// <param name="Schedules">Empty when only manual backups are made.</param>
/// <param name="RpoWarning">Level L1 when its newest good backup is older.</param>
/// <param name="RpoCritical">Level L2 when its newest good backup is older.</param>
internal sealed record ScheduledSource(ProtectedSource Source, IReadOnlyList<Schedule> Schedules, TimeSpan RpoWarning, TimeSpan RpoCritical)
{
    public string Name => Source.Name;
}
