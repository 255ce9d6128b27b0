using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>What a scrape knows of one source.</summary>
/// <param name="Source">The source.</param>
/// <param name="Backups">Its backups; those last seen when the store can't be listed now; none while <paramref name="IsKnown"/> is false.</param>
/// <param name="IsKnown">Whether its backups could be listed since the agent began. If not, whatever follows from them says nothing.</param>
/// <param name="Activity">From the journal; null before the scheduler has taken the source on.</param>
/// <param name="NewestGood">What it would be restored from; null when there is nothing.</param>
/// <param name="Overdue">Backups that the last prune should have removed and that are still there.</param>
/// <param name="Missing">What each schedule should have in the store and has not.</param>
internal sealed record SourceFigures(
    ScheduledSource Source, IReadOnlyList<Backup> Backups, bool IsKnown, SourceActivity? Activity, Backup? NewestGood, int Overdue, IReadOnlyList<MissingBackups> Missing)
{
    public string Name => Source.Name;

    public Backup? Newest { get; } = Backups.FirstOrDefault(backup => backup.Manifest.IsCommitted && backup.State != BackupState.Quarantined);

    /// <summary>The configured schedules, <c>manual</c>, and those that only old backups still name.</summary>
    public IEnumerable<string> Schedules => Source.Schedules.Select(schedule => schedule.Name)
        .Append(BackupManifest.ManualSchedule)
        .Union(Backups.Select(backup => backup.Schedule), StringComparer.Ordinal);

    /// <param name="source">The source.</param>
    /// <param name="listed">Its backups; null when they were never seen.</param>
    /// <param name="log">The journal.</param>
    /// <param name="now">The instant of the scrape.</param>
    public static SourceFigures Of(ScheduledSource source, IReadOnlyList<Backup>? listed, JournalSnapshot log, DateTimeOffset now)
    {
        var backups = listed ?? [];
        var activity = log.Sources.GetValueOrDefault(source.Name);
        return new SourceFigures(
            source,
            backups,
            listed is not null,
            activity,
            backups.NewestGood(now),
            OverdueBackups.Count(source.Source, backups, activity, now),
            source.Review(backups, log.Schedules, activity?.RunStartedAt is not null, now));
    }
}

/// <summary>Lists each source's backups for a scrape.</summary>
internal sealed class CatalogReader
{
    private readonly Dictionary<string, IReadOnlyList<Backup>> lastSeen = new(StringComparer.Ordinal);

    /// <returns>
    /// The backups; when they can't be listed, those that were last seen, because not being able to look is no news of them; null when none were ever
    /// seen, which is not the same as that there are none. And whether they could be listed now.
    /// </returns>
    public async Task<(IReadOnlyList<Backup>? Backups, bool IsListed)> ListAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        IReadOnlyList<Backup>? backups = null;
        try
        {
            backups = await source.Catalog.ListAsync(cancellationToken);
        }
        catch (BackupException)
        {
            // store_up says so, and each run fails with the reason.
        }

        lock (lastSeen)
        {
            if (backups is not null)
                lastSeen[source.Name] = backups;
            return (lastSeen.GetValueOrDefault(source.Name), backups is not null);
        }
    }
}
