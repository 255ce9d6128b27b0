using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Status;

/// <summary>Gathers from journal, stores and state directory what states are made of. Nothing else in Status, Runbook, Metrics and Http reads the journal.</summary>
/// <param name="stores">By name.</param>
/// <param name="stateDirectory">Holds the agent's lock.</param>
internal sealed class StateReader(
    RunJournal runs, OperationJournal operations, RestoreHistory restores, IReadOnlyDictionary<string, IBackupStore> stores, string stateDirectory, TimeProvider timeProvider)
{
    private readonly ListingMemory memory = new();

    /// <summary>One look by a command, beside an agent that may run or not.</summary>
    /// <exception cref="BackupException">The journal can't be read, or the state directory not be used.</exception>
    public StateSnapshot Read()
    {
        var now = timeProvider.GetUtcNow();
        return new StateSnapshot(this, new AgentState(now, StateAccess.HasAgent(stateDirectory), runs.LastBeat()) { SelfTest = SelfTest(), Stores = Stores() }, ReadRecords());
    }

    /// <summary>One look by the agent itself. It remembers the backups that it has seen.</summary>
    /// <exception cref="BackupException">The journal can't be read.</exception>
    public StateSnapshot Read(JobScheduler scheduler) => Beside(scheduler, SelfTest(), ReadRecords());

    /// <summary>The same while the journal can't be read.</summary>
    public StateSnapshot ReadWithoutJournal(JobScheduler scheduler) => Beside(scheduler, selfTest: null, JournalRecords.None);

    /// <summary>The source's last runs that failed in a row, oldest first; none when it never failed.</summary>
    public IReadOnlyList<PastRun> LastFailures(string source) => runs.LastFailures(source);

    /// <summary>The source's runs that started from an instant on, oldest first.</summary>
    public IReadOnlyList<PastRun> RunsSince(string source, DateTimeOffset from) => runs.Since(source, from);

    /// <summary>What else was done to a source from an instant on, oldest first.</summary>
    public IReadOnlyList<Operation> OperationsSince(string source, DateTimeOffset from) => operations.Since(source, from);

    /// <summary>The newest attempts that failed, newest first.</summary>
    public IReadOnlyList<(DateTimeOffset At, RunFailure Failure)> FailedAttempts(string source, int most) => runs.FailedAttempts(source, most);

    /// <param name="listing">While it failed, the journal has to tell whether a good backup followed a failed restore.</param>
    internal SourceHistory HistoryOf(ScheduledSource source, SourceListing listing, JournalRecords records)
    {
        var restore = records.Restores.LastOverLive.GetValueOrDefault(source.Name) ?? records.Restores.Died.FirstOrDefault(died => died.Source == source.Name);
        return new SourceHistory
        {
            LastFailure = runs.LastFailure(source.Name),
            LastGoodRunAt = listing.Failure is not null && restore is { EndedAt: { } ended }
                ? runs.Since(source.Name, ended).LastOrDefault(run => run.Result == RunResult.Success)?.StartedAt
                : null,
            LastStarts = source.Schedules
                .Select(schedule => (schedule.Name, At: runs.LastStarted(source.Name, schedule.Name)))
                .Where(start => start.At is not null)
                .ToDictionary(start => start.Name, start => start.At!.Value, StringComparer.Ordinal),
        };
    }

    private StateSnapshot Beside(JobScheduler scheduler, Operation? selfTest, JournalRecords records) =>
        new(this, new AgentState(timeProvider.GetUtcNow(), IsRunning: true, scheduler.LastBeat) { SelfTest = selfTest, Stores = Stores() }, records)
        {
            Plan = scheduler.NextRuns,
            Memory = memory,
        };

    private JournalRecords ReadRecords() => new(
        runs.Read(),
        operations.LastOfEach(OperationKind.Drill),
        operations.LastSuccessOfEach(OperationKind.Drill),
        operations.LastOfEach(OperationKind.Hook),
        restores.Read())
    {
        DrillCounts = operations.Counts(OperationKind.Drill),
        RestoreCounts = operations.Counts(OperationKind.Restore),
    };

    private Operation? SelfTest() => operations.LastOfEach(OperationKind.SelfTest).GetValueOrDefault("");

    private IReadOnlyDictionary<string, StoreStatus> Stores() => stores.Values.Select(StoreStatus.Read).ToDictionary(store => store.Name, StringComparer.Ordinal);
}

/// <summary>What one look shows: the agent, and each source when it is asked for, all from one reading of the journal.</summary>
internal sealed record StateSnapshot(StateReader Reader, AgentState Agent, JournalRecords Records)
{
    /// <summary>When the scheduler of this process starts each schedule next; null in a process that has none.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset>? Plan { get; init; }

    /// <summary>Null: what can't be listed now is not known.</summary>
    public ListingMemory? Memory { get; init; }

    public StoreStatus StoreOf(ScheduledSource source) => Agent.Stores[source.Source.Catalog.Store.Name];

    /// <summary>Lists the source's backups.</summary>
    /// <param name="withOrphans">Whether files that belong to no backup are looked for as well.</param>
    /// <param name="now">Later than the look, when something was done to the backups in between; null: the instant of the look.</param>
    public async Task<SourceState> OfAsync(ScheduledSource source, CancellationToken cancellationToken, bool withOrphans = false, DateTimeOffset? now = null)
    {
        var listing = await SourceListing.ReadAsync(source.Source.Catalog, withOrphans, cancellationToken);
        listing = Memory?.Remember(source.Name, listing) ?? listing;
        return new SourceState(source, listing, Records.Of(source.Name, () => Reader.HistoryOf(source, listing, Records)), StoreOf(source), now ?? Agent.Now)
        {
            IsAgentRunning = Agent.IsRunning,
            Plan = Plan,
        };
    }
}
