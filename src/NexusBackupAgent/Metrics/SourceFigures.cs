using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>What journal and scheduler know of all sources, read once for a scrape.</summary>
/// <param name="Log">Runs and verifications.</param>
/// <param name="Drills">Ended drills, by source and result.</param>
/// <param name="LastDrills">The last drill that ended, by source.</param>
/// <param name="PassedDrills">The last one that passed, by source: a drill that failed measured no recovery.</param>
/// <param name="Restores">Ended restores, by source and result.</param>
/// <param name="LastRestores">The last restore over its live database that ended or died, by source.</param>
/// <param name="NextRuns">When each schedule runs next.</param>
internal sealed record AgentRecords(
    JournalSnapshot Log,
    IReadOnlyDictionary<(string Source, string Result), long> Drills,
    IReadOnlyDictionary<string, Operation> LastDrills,
    IReadOnlyDictionary<string, Operation> PassedDrills,
    IReadOnlyDictionary<(string Source, string Result), long> Restores,
    IReadOnlyDictionary<string, Operation> LastRestores,
    IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> NextRuns)
{
    /// <exception cref="BackupException">The journal can't be read.</exception>
    public static AgentRecords Read(OperationJournal journal, RestoreHistory restores, IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> nextRuns) => new(
        journal.Read(),
        journal.Counts(OperationKind.Drill),
        journal.LastOfEach(OperationKind.Drill),
        journal.LastSuccessOfEach(OperationKind.Drill),
        journal.Counts(OperationKind.Restore),
        restores.Read().LastOverLive,
        nextRuns);
}

/// <summary>What a scrape knows of one source.</summary>
/// <param name="Source">The source.</param>
/// <param name="Listed">Its backups; those last seen when the store can't be listed now; null when they were never seen since the agent began.</param>
/// <param name="Records">Of all sources.</param>
/// <param name="Now">The instant of the scrape.</param>
internal sealed record SourceFigures(ScheduledSource Source, IReadOnlyList<Backup>? Listed, AgentRecords Records, DateTimeOffset Now)
{
    public string Name => Source.Name;

    /// <summary>Whether its backups are known. If not, whatever follows from them says nothing.</summary>
    public bool IsKnown => Listed is not null;

    public IReadOnlyList<Backup> Backups => Listed ?? [];

    /// <summary>From the journal; null before the scheduler has taken the source on.</summary>
    public SourceActivity? Activity { get; } = Records.Log.Sources.GetValueOrDefault(Source.Name);

    public Backup? Newest => Backups.FirstOrDefault(backup => backup.Manifest.IsCommitted && backup.State != BackupState.Quarantined);

    /// <summary>What it would be restored from; null when there is nothing.</summary>
    public Backup? NewestGood { get; } = Listed?.NewestGood(Now);

    /// <summary>Backups that the last prune should have removed and that are still there.</summary>
    public int Overdue => OverdueBackups.Count(Source.Source, Backups, Activity, Now);

    public int FromFuture => Backups.Count(backup => backup.IsFromTheFuture(Now));

    /// <summary>What each schedule should have in the store and has not.</summary>
    public IReadOnlyList<MissingBackups> Missing => Source.Review(Backups, Records.Log.Schedules, Activity?.RunStartedAt is not null, Now);

    public LastDrill? LastDrill => LastDrill.Of(Records.LastDrills.GetValueOrDefault(Name), Backups);

    /// <summary>The last one that passed: a drill that failed measured no recovery.</summary>
    public LastDrill? PassedDrill => LastDrill.Of(Records.PassedDrills.GetValueOrDefault(Name), [.. Backups.Where(backup => backup.Drill is { Passed: true })]);

    /// <summary>Over the live database.</summary>
    public Operation? LastRestore => Records.LastRestores.GetValueOrDefault(Name);

    /// <summary>The configured schedules, <c>manual</c>, and those that only old backups still name.</summary>
    public IReadOnlyList<string> Schedules { get; } = [.. Source.Schedules.Select(schedule => schedule.Name)
        .Append(BackupManifest.ManualSchedule)
        .Union((Listed ?? []).Select(backup => backup.Schedule), StringComparer.Ordinal)];

    public Backup? NewestGoodOf(string schedule) => Backups.Where(backup => backup.Schedule == schedule).NewestGood(Now);

    public long Runs(string schedule, string result) => Records.Log.Runs.GetValueOrDefault((Name, schedule, result));

    public long Verifications(string check, string result) => Records.Log.Verifications.GetValueOrDefault((Name, check, result));

    public long Drills(string result) => Records.Drills.GetValueOrDefault((Name, result));

    public long Restores(string result) => Records.Restores.GetValueOrDefault((Name, result));

    public DateTimeOffset? NextRun(string schedule) => Records.NextRuns.TryGetValue((Name, schedule), out var at) ? at : null;
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
