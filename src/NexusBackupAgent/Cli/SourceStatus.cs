using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Storage;

namespace NexusBackupAgent.Cli;

/// <summary>How one source is protected at one instant.</summary>
/// <param name="Source">The source.</param>
/// <param name="Reasons">What asks for a level, the highest first.</param>
/// <param name="Backups">Its backups, newest first; none when the store can't be listed.</param>
/// <param name="NewestGood">What it would be restored from; null when there is nothing.</param>
/// <param name="Activity">From the journal; null when it knows nothing of the source.</param>
/// <param name="LastFailure">Why the last run failed; null when it did not.</param>
/// <param name="NextRun">UTC; null when nothing is scheduled.</param>
/// <param name="Orphans">Files that belong to no backup.</param>
/// <param name="Reviews">What each schedule should have in the store; none when the store can't be listed.</param>
internal sealed record SourceStatus(
    ScheduledSource Source,
    IReadOnlyList<EscalationReason> Reasons,
    IReadOnlyList<Backup> Backups,
    Backup? NewestGood,
    SourceActivity? Activity,
    RunFailure? LastFailure,
    DateTimeOffset? NextRun,
    IReadOnlyList<Orphan> Orphans,
    IReadOnlyList<MissingBackups> Reviews)
{
    public EscalationLevel Level => Escalation.Highest(Reasons);

    public static async Task<SourceStatus> ReadAsync(
        Agent agent, ScheduledSource source, JournalSnapshot log, IReadOnlyDictionary<string, StoreStatus> stores, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var catalog = source.Source.Catalog;
        var activity = log.Sources.GetValueOrDefault(source.Name);
        var store = stores[catalog.Store.Name];
        var (backups, orphans) = await ListAsync(catalog, cancellationToken);
        var condition = new SourceCondition(
            backups,
            activity?.AddedAt,
            activity?.ConsecutiveFailures ?? 0,
            backups is null ? 0 : OverdueBackups.Count(source.Source, backups, activity, now),
            store.Space?.UsedRatio,
            source.RpoWarning,
            source.RpoCritical);
        return new SourceStatus(
            source,
            Escalation.Decide(condition, now),
            backups ?? [],
            backups?.NewestGood(now),
            activity,
            agent.Journal.LastFailure(source.Name),
            source.Schedules.Select(schedule => schedule.Cron.GetNextOccurrence(now, agent.Configuration.TimeZone)).Min(),
            activity?.RunStartedAt is null ? orphans : [.. orphans.Where(orphan => orphan.Sweepable.Count == 0)], // what is being written now is no leftover
            backups is null ? [] : source.Review(backups, log.Schedules, activity?.RunStartedAt is not null, now));
    }

    private static async Task<(IReadOnlyList<Backup>? Backups, IReadOnlyList<Orphan> Orphans)> ListAsync(BackupCatalog catalog, CancellationToken cancellationToken)
    {
        try
        {
            return (await catalog.ListAsync(cancellationToken), await catalog.FindOrphansAsync(cancellationToken));
        }
        catch (BackupException)
        {
            return (null, []); // the store's own line tells why
        }
    }
}

/// <summary>The room in one store at one instant.</summary>
/// <param name="Name">The store.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Space">Null when it can't be asked.</param>
/// <param name="Failure">Why not; null when it can.</param>
internal sealed record StoreStatus(string Name, string Path, StoreSpace? Space, BackupException? Failure)
{
    public EscalationLevel Level => Failure is null ? Escalation.OfDisk(Space?.UsedRatio)?.Level ?? EscalationLevel.Ok : EscalationLevel.L2;

    public static StoreStatus Read(IArtifactStore store)
    {
        try
        {
            return new StoreStatus(store.Name, store.Locate(""), store.GetSpace(), Failure: null);
        }
        catch (BackupException failure)
        {
            return new StoreStatus(store.Name, store.Locate(""), Space: null, failure);
        }
    }
}
