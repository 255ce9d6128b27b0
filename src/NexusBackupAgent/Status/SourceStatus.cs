using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Status;

/// <summary>How one source is protected at one instant.</summary>
/// <param name="Source">The source.</param>
/// <param name="Reasons">What asks for a level, the highest first.</param>
/// <param name="Backups">Its backups, newest first; none when the store can't be listed.</param>
/// <param name="ListFailure">Why they can't be listed; null when they can.</param>
/// <param name="NewestGood">What it would be restored from; null when there is nothing.</param>
/// <param name="Activity">From the journal; null when it knows nothing of the source.</param>
/// <param name="LastFailure">Why the last run failed; null when it did not.</param>
/// <param name="LastDrill">The last restore drill; null when there was none.</param>
/// <param name="HookFailure">Why the hooks that were told last failed; null when they did not.</param>
/// <param name="NextRun">UTC; null when nothing is scheduled.</param>
/// <param name="Late">The schedule that should have started and did not, and when; null when there is none.</param>
/// <param name="Orphans">Files that belong to no backup.</param>
/// <param name="Reviews">What each schedule should have in the store; none when the store can't be listed.</param>
/// <param name="InterruptedRestore">A restore whose process died in the middle of it; null when there is none, or another followed.</param>
internal sealed record SourceStatus(
    ScheduledSource Source,
    IReadOnlyList<EscalationReason> Reasons,
    IReadOnlyList<Backup> Backups,
    BackupException? ListFailure,
    Backup? NewestGood,
    SourceActivity? Activity,
    RunFailure? LastFailure,
    LastDrill? LastDrill,
    RunFailure? HookFailure,
    DateTimeOffset? NextRun,
    (Schedule Schedule, DateTimeOffset Due)? Late,
    IReadOnlyList<Orphan> Orphans,
    IReadOnlyList<MissingBackups> Reviews,
    Operation? InterruptedRestore)
{
    public string Name => Source.Name;

    /// <summary>Backups that were ever made and read back.</summary>
    public long SuccessfulRuns { get; init; }

    /// <summary>While the backups can't be listed: when the last run that succeeded since the last restore over the live database began, UTC; null when none did.</summary>
    public DateTimeOffset? LastGoodRunAt { get; init; }

    /// <summary>The restore over the live database that failed or died last, while nothing good followed it; null when there is none.</summary>
    public Operation? FailedRestore { get; init; }

    /// <summary>When the database was restored, UTC, if no run ended since; null otherwise.</summary>
    public DateTimeOffset? RestoredAt { get; init; }

    /// <summary><see cref="InterruptedRestore"/> until a good backup of what is there now ends it.</summary>
    public Operation? RestoreToMend => InterruptedRestore is { } died && !((NewestGood?.CapturedAt ?? LastGoodRunAt) >= died.StartedAt) ? died : null;

    /// <summary>Whether nothing is left of what was made. A store whose disk is not mounted looks just so.</summary>
    public bool IsEmptied => !IsUnreadable && Backups.Count == 0 && SuccessfulRuns > 0;

    /// <summary>Whether what the store holds is not known: no backup was seen, and that says nothing.</summary>
    public bool IsUnreadable => ListFailure is not null;

    public EscalationLevel Level => Escalation.Highest(Reasons);

    public static async Task<SourceStatus> ReadAsync(
        AgentStatus status, ScheduledSource source, JournalSnapshot log, Operation? drill, Operation? hook, Operation? restore, Operation? interrupted, CancellationToken cancellationToken)
    {
        var (agent, now) = (status.Agent, status.Now);
        var activity = log.Sources.GetValueOrDefault(source.Name);
        var (backups, orphans, failure) = await ListAsync(source.Source.Catalog, cancellationToken);
        var practised = LastDrill.Of(drill, backups ?? []);
        var late = activity is { RunStartedAt: null }
            ? LateSchedule.Find(source.Schedules, activity.AddedAt, schedule => agent.Journal.LastStarted(source.Name, schedule.Name), now, agent.Configuration.TimeZone)
            : null;
        DateTimeOffset? lastGoodRun = backups is null && (restore ?? interrupted) is { EndedAt: { } ended } ? agent.Journal.Since(source.Name, ended).LastOrDefault(done => done is { Kind: OperationKind.Backup, Succeeded: true })?.StartedAt : null;
        var condition = new SourceCondition(
            backups,
            activity?.AddedAt,
            activity?.ConsecutiveFailures ?? 0,
            backups is null ? 0 : OverdueBackups.Count(source.Source, backups, activity, now),
            status.StoreOf(source).Space?.UsedRatio,
            source.RpoWarning,
            source.RpoCritical)
        {
            HasSucceeded = log.SuccessfulRuns(source.Name) > 0,
            IsStoreUp = status.StoreOf(source).Failure is null,
            LateSchedule = late?.Schedule.Name,
            RunStartedAt = status.Condition.IsRunning ? activity?.RunStartedAt : null, // without an agent the run died with it, or has a person before it
            LastDrillAt = practised?.EndedAt,
            HasDrillFailed = practised is { Passed: false },
            RestoreFailedAt = restore is { Failure: not null } ? restore.EndedAt : null,
            LastGoodRunAt = lastGoodRun,
        };
        var reasons = Escalation.Decide(condition, now);
        return new SourceStatus(
            source,
            reasons,
            backups ?? [],
            failure,
            backups?.NewestGood(now),
            activity,
            agent.Journal.LastFailure(source.Name),
            practised,
            hook?.Failure,
            source.Schedules.Select(schedule => schedule.Cron.GetNextOccurrence(now, agent.Configuration.TimeZone)).Min(),
            late,
            activity?.RunStartedAt is null ? orphans : [.. orphans.Where(orphan => orphan.Sweepable.Count == 0)], // what is being written now is no leftover
            backups is null ? [] : source.Review(backups, log.Schedules, activity?.RunStartedAt is not null, now),
            interrupted)
        {
            SuccessfulRuns = log.SuccessfulRuns(source.Name),
            LastGoodRunAt = lastGoodRun,
            FailedRestore = reasons.Any(reason => reason.Cause == EscalationCause.RestoreFailed) ? restore : null,
            RestoredAt = restore is { Succeeded: true } && !(activity?.LastRunAt > restore.EndedAt) ? restore.EndedAt : null,
        };
    }

    private static async Task<(IReadOnlyList<Backup>? Backups, IReadOnlyList<Orphan> Orphans, BackupException? Failure)> ListAsync(BackupCatalog catalog, CancellationToken cancellationToken)
    {
        try
        {
            var (backups, orphans) = await catalog.ListWithOrphansAsync(cancellationToken);
            return (backups, orphans, null);
        }
        catch (BackupException failure)
        {
            return (null, [], failure);
        }
    }
}
