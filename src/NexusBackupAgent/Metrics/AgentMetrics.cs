using System.Reflection;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Metrics;

/// <summary>
/// What <c>/metrics</c> says, computed at each scrape from the stores and the journal, so that a restart of the agent
/// neither loses nor fakes a value.
/// </summary>
/// <param name="startedAt">When this process of the agent began, UTC.</param>
internal sealed class AgentMetrics(
    SourceRoster roster,
    OperationJournal journal,
    RestoreHistory restores,
    JobScheduler scheduler,
    IReadOnlyDictionary<string, IBackupStore> stores,
    DateTimeOffset startedAt,
    TimeProvider timeProvider)
{
    private static readonly string Version =
        typeof(AgentMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    private readonly CatalogReader catalogs = new();

    /// <summary>Reads everything once and gives all families, each with every series that the configuration calls for.</summary>
    /// <exception cref="BackupException">The journal can't be read.</exception>
    public async Task<Exposition> CollectAsync(CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var records = AgentRecords.Read(journal, restores, scheduler.NextRuns);
        var sources = new List<SourceFigures>();
        var unreadable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var source in roster.Current)
        {
            var (backups, isListed) = await catalogs.ListAsync(source.Source, cancellationToken);
            if (!isListed)
                unreadable.Add(source.Source.Catalog.Store.Name);
            sources.Add(new SourceFigures(source, backups, records, now));
        }

        var exposition = new Exposition();
        SourceMetrics.Add(exposition, sources);
        DrillMetrics.Add(exposition, sources);
        RestoreMetrics.Add(exposition, sources);
        StoreMetrics.Add(exposition, await Task.WhenAll(stores.Values.Select(store => StoreStatus.ReadAsync(store, cancellationToken))), unreadable);
        AddOwn(exposition, journal.LastOfEach(OperationKind.SelfTest).GetValueOrDefault(""), now);
        ProcessMetrics.Add(exposition.Registry);
        return exposition;
    }

    private void AddOwn(Exposition exposition, Operation? selfTest, DateTimeOffset now)
    {
        var (version, revision) = Version.Split('+', 2) is [var left, var right] ? (left, right) : (Version, "unknown");
        exposition.Gauge("start_timestamp_seconds", "When this process of the agent began.", Exposition.Seconds(startedAt));
        exposition.Gauge("scheduler_heartbeat_timestamp_seconds", "When the scheduler last looked at its schedules.", Exposition.Seconds(scheduler.LastBeat));
        exposition.Gauge("time_seconds", "The agent's clock at this scrape.", Exposition.Seconds(now));
        exposition.Gauge(
            "self_test_success",
            "Whether in the last self-test every kind of damage was told by the check that ought to (1) or not (0); absent until one was made.",
            selfTest is null ? null : Exposition.Flag(selfTest.Succeeded));
        exposition.Gauge("last_self_test_timestamp_seconds", "When the last self-test of the checks ended; 0 when none was made yet.", Exposition.Seconds(selfTest?.EndedAt));
        exposition.Gauge("build_info", "Version and source revision of the agent.", ["version", "revision"], [new Sample(1, version, revision)]);
    }
}
