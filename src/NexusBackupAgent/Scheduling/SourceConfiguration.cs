using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Operations;
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
/// <param name="Compression">How artifacts are compressed. Default: gzip, level 6.</param>
internal sealed record SourceConfiguration(
    string Name,
    ISourceSettings Settings,
    string Store,
    string? Directory,
    IReadOnlyList<ScheduleConfiguration> Schedules,
    RpoConfiguration Rpo,
    TimeSpan TimeLimit,
    RetryConfiguration Retry,
    Compression Compression)
{
    /// <summary>Where in the store its backups lie.</summary>
    /// <param name="member">One of those that it finds, where it may find many; null: of all of them together.</param>
    public string DirectoryOf(string? member = null)
    {
        var directory = Directory ?? Name;
        return member is null ? directory : directory.Length == 0 ? member : $"{directory}/{member}";
    }

    /// <summary>The further stores, which get copies.</summary>
    public IReadOnlyList<CopyConfiguration> Copies { get; init; } = [];

    /// <summary>All its stores, the one that is written first.</summary>
    public IEnumerable<string> Stores => Copies.Select(copy => copy.Store).Prepend(Store);

    /// <summary>To whom its artifacts are encrypted; null: to nobody.</summary>
    public Encryption? Encryption { get; init; }

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
internal sealed record ScheduleConfiguration(string Name, CronSchedule Cron, BackupType Type, RetentionPeriod Retention)
{
    /// <summary>Counted one by one up to here; a rhythm that is denser goes on as it began.</summary>
    private const int MostCounted = 1000;

    /// <summary>Some winter's day without a change of clocks near it, in a leap year.</summary>
    private static readonly DateTimeOffset SomeDay = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The retention with how many of the schedule's backups it holds. The same whenever it is asked.</summary>
    /// <param name="kept">In another store; null: in the first.</param>
    public RetentionPeriod RetentionIn(TimeZoneInfo zone, RetentionPeriod? kept = null)
    {
        var retention = kept ?? Retention;
        if (retention.ExpiresAt(SomeDay, zone) is not { } end)
            return retention;
        var (count, last) = (0, SomeDay);
        while (count < MostCounted && Cron.GetNextOccurrence(last, zone) is { } next && next <= end)
            (count, last) = (count + 1, next);
        return retention with { Holds = count < MostCounted ? count : (int)Math.Min(int.MaxValue, count * ((end - SomeDay) / (last - SomeDay))) };
    }
}

/// <param name="Warning">Level L1 beyond this age. Default 24 h.</param>
/// <param name="Critical">Level L2 beyond this age. Default 48 h; above the warning.</param>
internal sealed record RpoConfiguration(TimeSpan Warning, TimeSpan Critical)
{
    /// <summary>Level L3 beyond this age. Default: two hours above the critical; above it.</summary>
    public TimeSpan Emergency { get; init; } = Critical + ScheduledSource.CriticalTimeFrame;
}

/// <summary>A store that gets copies.</summary>
/// <param name="Store">Its name.</param>
/// <param name="Keep">How long copies of a schedule's backups are kept there; of one that is not named as long as in the first store.</param>
internal sealed record CopyConfiguration(string Store, IReadOnlyDictionary<string, RetentionPeriod> Keep);

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
