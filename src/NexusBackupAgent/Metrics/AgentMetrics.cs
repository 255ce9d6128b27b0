using NexusBackupAgent.Common;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>
/// What <c>/metrics</c> and a textfile say, computed anew each time from the stores and the journal, so that a restart of the agent
/// neither loses nor fakes a value.
/// </summary>
/// <param name="process">The agent that answers; null where a command does. Then what only an agent knows is left out, and what is true for no longer than a scrape.</param>
internal sealed class AgentMetrics(SourceRoster roster, StateReader states, AgentProcess? process)
{
    /// <summary>Reads everything once and gives all families, each with every series that the configuration calls for.</summary>
    /// <exception cref="BackupException">The journal can't be read.</exception>
    public async Task<Exposition> CollectAsync(CancellationToken cancellationToken)
    {
        var look = process is null ? await states.ReadOnceAsync(cancellationToken) : await states.ReadAsync(process.Scheduler, cancellationToken);
        var sources = await look.OfAllAsync(roster.Current, cancellationToken);

        var exposition = new Exposition();
        SourceMetrics.Add(exposition, sources, isScrape: process is not null);
        CopyMetrics.Add(exposition, sources);
        DrillMetrics.Add(exposition, sources);
        RestoreMetrics.Add(exposition, sources);
        StoreMetrics.Add(exposition, [.. look.Agent.Stores.Values], UnreadableStores(sources));
        AddOwn(exposition, look.Agent);
        if (process is not null)
        {
            AddProcess(exposition, look.Agent, process.StartedAt);
            ProcessMetrics.Add(exposition.Registry);
        }

        return exposition;
    }

    private static HashSet<string> UnreadableStores(IReadOnlyList<SourceState> sources) =>
    [
        .. sources.Where(source => source.IsUnreadable).Select(source => source.Store.Name),
        .. sources.SelectMany(source => source.Copies).Where(copy => copy.Listing.Failure is not null).Select(copy => copy.Name),
    ];

    private static void AddProcess(Exposition exposition, AgentState agent, DateTimeOffset startedAt)
    {
        exposition.Gauge("start_timestamp_seconds", "When this process of the agent began.", Exposition.Seconds(startedAt));
        exposition.Gauge("scheduler_heartbeat_timestamp_seconds", "When the scheduler last looked at its schedules.", Exposition.Seconds(agent.LastBeat));
        exposition.Gauge("time_seconds", "The agent's clock at this scrape.", Exposition.Seconds(agent.Now));
    }

    private static void AddOwn(Exposition exposition, AgentState agent)
    {
        var selfTest = agent.SelfTest;
        var (version, revision) = ThisAgent.Version.Split('+', 2) is [var left, var right] ? (left, right) : (ThisAgent.Version, "unknown");
        exposition.Gauge(
            "self_test_success",
            "1 if the last self-test found every kind of damage, 0 if not; absent until one was made.",
            selfTest is null ? null : Exposition.Flag(selfTest.Succeeded));
        exposition.Gauge("last_self_test_timestamp_seconds", "When the last self-test of the checks ended; 0 when none was made yet.", Exposition.Seconds(selfTest?.EndedAt));
        exposition.Gauge("build_info", "Version and source revision of the agent.", ["version", "revision"], [new Sample(1, version, revision)]);
    }
}

/// <summary>A process that runs the scheduler.</summary>
/// <param name="StartedAt">When it began, UTC.</param>
internal sealed record AgentProcess(JobScheduler Scheduler, DateTimeOffset StartedAt);
