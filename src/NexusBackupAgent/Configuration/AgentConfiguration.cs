using NexusBackupAgent.Catalog;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Configuration;

/// <summary>
/// <c>nexus-backup.yml</c>, read and validated. Every path is absolute: relative ones were taken from the file's own directory.
/// </summary>
/// <param name="File">The configuration file's absolute path.</param>
/// <param name="TimeZone">The zone of every cron expression and file name. Default: the host's.</param>
/// <param name="Listen">Where HTTP listens. Default: http://127.0.0.1:9440. Only http and an address or host name with a port.</param>
/// <param name="StateDirectory">The run journal's directory. Default: <c>state</c> beside the file.</param>
/// <param name="ScratchDirectory">Where verification expands databases. Default: <c>scratch</c> inside the state directory.</param>
/// <param name="Stores">By name.</param>
/// <param name="Sources">As configured, globs not yet expanded, in the file's order.</param>
/// <param name="Log">Logging.</param>
internal sealed record AgentConfiguration(
    string File,
    TimeZoneInfo TimeZone,
    Uri Listen,
    string StateDirectory,
    string ScratchDirectory,
    IReadOnlyDictionary<string, StoreConfiguration> Stores,
    IReadOnlyList<SourceConfiguration> Sources,
    LogConfiguration Log);

/// <param name="Name">Metric label <c>store</c>.</param>
/// <param name="Path">The local directory.</param>
internal sealed record StoreConfiguration(string Name, string Path);

/// <param name="Name">Metric label <c>source</c>; for a glob, the name of the group.</param>
/// <param name="SqlitePath">Absolute path or glob (<c>*</c> and <c>?</c> in the file name, <c>*</c> in directories).</param>
/// <param name="IsGlob">Each match is a source of its own, named after the file.</param>
/// <param name="Store">A key of <see cref="AgentConfiguration.Stores"/>.</param>
/// <param name="Directory">Inside the store, with forward slashes; empty for <c>.</c>. Null: the source's name.</param>
/// <param name="Schedules">In the file's order.</param>
/// <param name="Rpo">When the newest good backup is too old.</param>
/// <param name="BusyTimeout">How long a locked database is waited for. Default 30 s; 0 s to 1 h.</param>
/// <param name="TimeLimit">How long one run may take. Default 6 h; above 0.</param>
/// <param name="Retry">How often a failed run is tried.</param>
/// <param name="CompressionLevel">gzip level 1 to 9. Default 6.</param>
internal sealed record SourceConfiguration(
    string Name,
    string SqlitePath,
    bool IsGlob,
    string Store,
    string? Directory,
    IReadOnlyList<ScheduleConfiguration> Schedules,
    RpoConfiguration Rpo,
    TimeSpan BusyTimeout,
    TimeSpan TimeLimit,
    RetryConfiguration Retry,
    int CompressionLevel)
{
    /// <summary>When its backups are read back. Default: daily at 04:30, each within 7 days.</summary>
    public VerifySchedule Verify { get; init; } = new(CronSchedule.Parse("30 4 * * *"), TimeSpan.FromDays(7));

    /// <summary>When a restore is practised, and what is asked then. Default: on the first of each month at 05:00, no questions.</summary>
    public DrillConfiguration Drill { get; init; } = new(CronSchedule.Parse("0 5 1 * *"), []);

    /// <summary>What stops and starts the service. Default: nothing.</summary>
    public RestoreSettings Restore { get; init; } = RestoreSettings.None;

    /// <summary>Who is told how runs end. Default: nobody.</summary>
    public HookSettings Hooks { get; init; } = HookSettings.None;
}

/// <param name="Cron">When.</param>
/// <param name="Probes">Asked in order.</param>
internal sealed record DrillConfiguration(CronSchedule Cron, IReadOnlyList<Probe> Probes);

/// <param name="Name">Metric label <c>schedule</c> and first part of the file name: letters, digits, <c>_</c> and <c>-</c>; not <c>manual</c>.</param>
/// <param name="Cron">When.</param>
/// <param name="Type">Only <see cref="BackupType.Full"/> for now; others are reported as not supported yet.</param>
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

/// <param name="File">A rolling log file (daily, 30 days kept), or null.</param>
/// <param name="Level">Verbose, Debug, Information, Warning or Error. Default Information.</param>
internal sealed record LogConfiguration(string? File, string Level);
