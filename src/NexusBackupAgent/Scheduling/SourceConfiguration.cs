using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Scheduling;

/// <summary>One entry of <c>sources:</c>; a group is one entry for all its members.</summary>
/// <param name="Name">Metric label <c>source</c>; for a group, its own name, which is no label.</param>
/// <param name="Settings">What is protected.</param>
/// <param name="Store">The store's name.</param>
/// <param name="Directory">Inside the store, with forward slashes; empty for <c>.</c>. Null: the source's name.</param>
/// <param name="Schedules">In the file's order.</param>
/// <param name="Rpo">When the newest good backup is too old.</param>
/// <param name="TimeLimit">How long one run may take. Default 6 h; above 0.</param>
/// <param name="Retry">How often the agent tries a failed run.</param>
/// <param name="CompressionLevel">gzip level 1 to 9. Default 6.</param>
internal sealed record SourceConfiguration(
    string Name,
    ISourceSettings Settings,
    string Store,
    string? Directory,
    IReadOnlyList<ScheduleConfiguration> Schedules,
    RpoConfiguration Rpo,
    TimeSpan TimeLimit,
    RetryConfiguration Retry,
    int CompressionLevel)
{
    /// <summary>When its backups are read back.</summary>
    public VerifySchedule Verify { get; init; } = VerifySchedule.Standard;

    /// <summary>When a restore is practised, and what is asked then.</summary>
    public DrillConfiguration Drill { get; init; } = DrillConfiguration.Standard;

    /// <summary>What stops and starts the service.</summary>
    public RestoreSettings Restore { get; init; } = RestoreSettings.None;

    /// <summary>Who is told how runs end.</summary>
    public HookSettings Hooks { get; init; } = HookSettings.None;
}

/// <param name="Name">Metric label <c>schedule</c> and first part of the file name: letters, digits, <c>_</c> and <c>-</c>; not <c>manual</c>.</param>
/// <param name="Cron">When.</param>
/// <param name="Type">Of each backup. Default: full.</param>
/// <param name="Retention">How long.</param>
internal sealed record ScheduleConfiguration(string Name, CronSchedule Cron, BackupType Type, RetentionPeriod Retention);

/// <param name="Warning">Level L1 beyond this age. Default 24 h.</param>
/// <param name="Critical">Level L2 beyond this age. Default 48 h; above the warning.</param>
internal sealed record RpoConfiguration(TimeSpan Warning, TimeSpan Critical)
{
    /// <summary>Level L3 beyond this age. Default: two hours above the critical; above it.</summary>
    public TimeSpan Emergency { get; init; } = Critical + ScheduledSource.CriticalTimeFrame;
}

/// <param name="Attempts">1 to 10. Default 3.</param>
/// <param name="Delay">Before the second attempt; doubles for each further one. Default 10 s; 0 s to 1 h.</param>
internal sealed record RetryConfiguration(int Attempts, TimeSpan Delay);

/// <param name="Cron">When.</param>
/// <param name="Probes">Asked in order.</param>
internal sealed record DrillConfiguration(CronSchedule Cron, IReadOnlyList<Probe> Probes)
{
    /// <summary>On the first of each month at 05:00, no questions.</summary>
    public static DrillConfiguration Standard { get; } = new(CronSchedule.Parse("0 5 1 * *"), []);
}
