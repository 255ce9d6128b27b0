using System.Reflection;
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
    RunJournal journal,
    OperationJournal operations,
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
    public async Task<IReadOnlyList<MetricFamily>> CollectAsync(CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var log = journal.Read();
        var sources = new List<SourceFigures>();
        var unreadable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var source in roster.Current)
        {
            var (backups, isListed) = await catalogs.ListAsync(source.Source, cancellationToken);
            if (!isListed)
                unreadable.Add(source.Source.Catalog.Store.Name);
            sources.Add(SourceFigures.Of(source, backups, log, now));
        }

        return [.. SourceMetrics.Of(sources, log, scheduler.NextRuns, now),
            .. DrillMetrics.Of(sources, operations.Counts(OperationKind.Drill), operations.LastOfEach(OperationKind.Drill), operations.LastSuccessOfEach(OperationKind.Drill)),
            .. RestoreMetrics.Of(sources, restores.Read().LastOverLive), .. StoreMetrics.Of([.. stores.Values.Select(StoreStatus.Read)], unreadable), .. Own(now)];
    }

    private MetricFamily[] Own(DateTimeOffset now)
    {
        var selfTest = operations.LastOfEach(OperationKind.SelfTest).GetValueOrDefault("");
        var (version, revision) = Version.Split('+', 2) is [var left, var right] ? (left, right) : (Version, "unknown");
        return
        [
            Metric.Gauge("start_timestamp_seconds", "When this process of the agent began.", [new MetricSample([], Metric.Seconds(startedAt))]),
            Metric.Gauge("scheduler_heartbeat_timestamp_seconds", "When the scheduler last looked at its schedules.", [new MetricSample([], Metric.Seconds(scheduler.LastBeat))]),
            Metric.Gauge("time_seconds", "The agent's clock at this scrape.", [new MetricSample([], Metric.Seconds(now))]),
            Metric.Gauge("self_test_success", "Whether in the last self-test every kind of damage was told by the check that ought to (1) or not (0).", [new MetricSample([], Metric.Flag(selfTest is { Succeeded: true }))]),
            Metric.Gauge("last_self_test_timestamp_seconds", "When the last self-test of the checks ended; 0 when none was made yet.", [new MetricSample([], Metric.Seconds(selfTest?.EndedAt))]),
            new MetricFamily("nexus_backup_build_info", MetricType.Info, "Version and source revision of the agent.", [new MetricSample([("version", version), ("revision", revision)], 1)]),
        ];
    }
}
