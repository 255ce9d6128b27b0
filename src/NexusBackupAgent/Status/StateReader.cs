using System.Collections.Concurrent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Status;

/// <summary>Gathers from journal, stores and state directory what states are made of. Nothing else in Status, Runbook, Metrics and Http reads the journal.</summary>
/// <param name="stores">By name.</param>
/// <param name="marks">Know them again.</param>
/// <param name="stateDirectory">Holds the agent's lock.</param>
internal sealed class StateReader(
    OperationJournal journal, RestoreHistory restores, IReadOnlyDictionary<string, IBackupStore> stores, StoreMarks marks, string stateDirectory, TimeProvider timeProvider)
{
    // A scrape has ten seconds.
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan LockMemory = TimeSpan.FromHours(1);

    private readonly ListingMemory memory = new();
    private readonly ConcurrentDictionary<(string Source, BackupId Backup), (DateTimeOffset? Until, DateTimeOffset AskedAt)> locks = new();
    private readonly PatientLook stored = new(LongestLook, timeProvider);
    private readonly PatientLook listed = new(LongestLook, timeProvider);

    /// <summary>Whether an agent is to run on this host.</summary>
    public bool ExpectsAgent { get; init; } = true;

    /// <summary>Whether the configuration is there to restore with alone.</summary>
    public bool RestoresOnly { get; init; }

    /// <summary>Lists a source's backups; a store that does not answer is a failure that says so.</summary>
    /// <param name="mayTake">Whether it may take as long as it takes, as in a command that somebody waits for.</param>
    internal Task<SourceListing> ListAsync(ScheduledSource source, bool withOrphans, bool mayTake, CancellationToken cancellationToken) =>
        ListAsync(source.Name, source.Source.Catalog, withOrphans, mayTake, cancellationToken);

    /// <summary>The same in one of its further stores.</summary>
    internal Task<SourceListing> ListAsync(ProtectedSource source, CopyTarget copy, bool withOrphans, bool mayTake, CancellationToken cancellationToken) =>
        ListAsync(source.In(copy).Turn, copy.Catalog, withOrphans, mayTake, cancellationToken);

    private Task<SourceListing> ListAsync(string name, BackupCatalog catalog, bool withOrphans, bool mayTake, CancellationToken cancellationToken) => mayTake
        ? SourceListing.ReadOnceAsync(catalog, withOrphans, cancellationToken)
        : listed.AskAsync(name, () => SourceListing.ReadAsync(catalog, withOrphans, cancellationToken), () => new SourceListing(Backups: null, catalog.Store.Silent()));

    /// <summary>
    /// Until when those are locked that retention would have removed. What was told counts for an hour: a lock may be taken away, and
    /// many are not to be asked at each scrape. A lock that can't be asked now is none unless one was told before: who prunes asks again.
    /// </summary>
    internal async Task<IReadOnlyDictionary<BackupId, DateTimeOffset>> LocksOfAsync(SourceState state, bool mayTake, CancellationToken cancellationToken)
    {
        var overdue = state.OverdueUnlessLocked.DistinctBy(backup => backup.Id).ToList();
        var ids = overdue.Select(backup => backup.Id).ToHashSet();
        foreach (var over in locks.Keys.Where(known => known.Source == state.Name && !ids.Contains(known.Backup)))
            locks.TryRemove(over, out _);
        var (now, catalog) = (timeProvider.GetUtcNow(), state.Source.Source.Catalog);
        var unknown = overdue.Where(backup => !locks.TryGetValue((state.Name, backup.Id), out var told) || now - told.AskedAt >= LockMemory || (told.Until > told.AskedAt && told.Until <= now)).ToList();
        if (mayTake)
            await AskAsync();
        else if (unknown.Count > 0)
            await listed.AskAsync($"locks of {state.Name}", AskAsync, () => false);
        return overdue
            .Select(backup => (backup.Id, Until: locks.TryGetValue((state.Name, backup.Id), out var told) ? told.Until : null))
            .Where(told => told.Until is not null) // by the clock of the store, which keeps them
            .ToDictionary(told => told.Id, told => told.Until!.Value);

        async Task<bool> AskAsync()
        {
            await Parallel.ForEachAsync(
                unknown,
                new ParallelOptions { MaxDegreeOfParallelism = catalog.Store.ReadsAtOnce, CancellationToken = cancellationToken },
                async (backup, token) =>
                {
                    var key = (state.Name, backup.Id);
                    locks[key] = (await LockOfAsync(catalog, backup, locks.TryGetValue(key, out var before) && before.Until > now ? before.Until : null, token), now);
                });
            return true;
        }
    }

    /// <param name="before">What counts where it can't be asked.</param>
    private static async Task<DateTimeOffset?> LockOfAsync(BackupCatalog catalog, Backup backup, DateTimeOffset? before, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.LockOfAsync(backup, cancellationToken);
        }
        catch (BackupException)
        {
            return before;
        }
    }

    /// <summary>What the live source lies on; null where nobody knows, or its disk does not answer.</summary>
    internal Task<string?> MediumOfAsync(ProtectedSource source) => listed.AskAsync($"medium of {source.Name}", () => Task.FromResult(source.Medium()), () => null);

    /// <summary>One look by a command, beside an agent that may run or not.</summary>
    /// <exception cref="BackupException">The journal can't be read, or the state directory not be used.</exception>
    public async Task<StateSnapshot> ReadAsync(CancellationToken cancellationToken)
    {
        var (now, stores) = (timeProvider.GetUtcNow(), await StoresAsync(cancellationToken));
        var agent = new AgentState(now, StateAccess.HasAgent(stateDirectory), journal.LastBeat())
        {
            IsExpected = ExpectsAgent,
            RestoresOnly = RestoresOnly,
            SelfTest = SelfTest(),
            Stores = stores,
            OtherOwner = StateAccess.OtherOwner(stateDirectory),
            IsRoot = SystemUser.Current.IsRoot,
        };
        return new StateSnapshot(this, agent, ReadRecords());
    }

    /// <summary>The same by a command for which nobody waits: a store that does not answer soon is one that can't be read.</summary>
    /// <exception cref="BackupException">The journal can't be read, or the state directory not be used.</exception>
    public async Task<StateSnapshot> ReadOnceAsync(CancellationToken cancellationToken) => await ReadAsync(cancellationToken) with { Memory = memory };

    /// <summary>One look by the agent itself. It remembers the backups that it has seen.</summary>
    /// <exception cref="BackupException">The journal can't be read.</exception>
    public Task<StateSnapshot> ReadAsync(JobScheduler scheduler, CancellationToken cancellationToken) => BesideAsync(scheduler, SelfTest(), ReadRecords(), cancellationToken);

    /// <summary>The same while the journal can't be read.</summary>
    public Task<StateSnapshot> ReadWithoutJournalAsync(JobScheduler scheduler, CancellationToken cancellationToken) => BesideAsync(scheduler, selfTest: null, JournalRecords.None, cancellationToken);

    /// <summary>The source's last runs that failed in a row, oldest first; none when it never failed.</summary>
    public IReadOnlyList<Operation> LastFailures(string source) => journal.LastFailures(source);

    /// <summary>What was done to a source from an instant on, oldest first.</summary>
    public IReadOnlyList<Operation> OperationsSince(string source, DateTimeOffset from) => journal.Since(source, from);

    /// <summary>The newest attempts that failed, newest first.</summary>
    public IReadOnlyList<(DateTimeOffset At, RunFailure Failure)> FailedAttempts(string source, int most) => journal.FailedAttempts(source, most);

    /// <param name="listing">While it failed, the journal has to tell whether a good backup followed a failed restore.</param>
    internal SourceHistory HistoryOf(ScheduledSource source, SourceListing listing, JournalRecords records)
    {
        var restore = records.Restores.LastOverLive.GetValueOrDefault(source.Name) ?? records.Restores.Died.FirstOrDefault(died => died.Source == source.Name);
        return new SourceHistory
        {
            LastFailure = journal.LastFailure(source.Name),
            Made = new(() => journal.Made(source.Name, evenTold: true)),
            LastGoodRunAt = listing.Failure is not null && restore is { EndedAt: { } ended }
                ? journal.Since(source.Name, ended).LastOrDefault(done => done is { Kind: OperationKind.Backup, Succeeded: true })?.StartedAt
                : null,
            LastStarts = source.Schedules
                .Select(schedule => (schedule.Name, At: journal.LastStarted(source.Name, schedule.Name)))
                .Where(start => start.At is not null)
                .ToDictionary(start => start.Name, start => start.At!.Value, StringComparer.Ordinal),
        };
    }

    private async Task<StateSnapshot> BesideAsync(JobScheduler scheduler, Operation? selfTest, JournalRecords records, CancellationToken cancellationToken) =>
        new(this, new AgentState(timeProvider.GetUtcNow(), IsRunning: true, scheduler.LastBeat) { SelfTest = selfTest, Stores = await StoresAsync(cancellationToken) }, records)
        {
            Plan = scheduler.NextRuns,
            Memory = memory,
        };

    /// <exception cref="BackupException">The journal can't be read.</exception>
    internal JournalRecords ReadRecords() => new(
        journal.Read(),
        journal.LastOfEach(OperationKind.Drill),
        journal.LastSuccessOfEach(OperationKind.Drill),
        journal.LastOfEach(OperationKind.Hook),
        restores.Read())
    {
        LastCopies = journal.LastCopies(),
        CopyCounts = journal.CopyCounts(),
        DrillCounts = journal.Counts(OperationKind.Drill),
        RestoreCounts = journal.Counts(OperationKind.Restore),
    };

    private Operation? SelfTest() => journal.LastOfEach(OperationKind.SelfTest).GetValueOrDefault("");

    private async Task<IReadOnlyDictionary<string, StoreStatus>> StoresAsync(CancellationToken cancellationToken) =>
        (await Task.WhenAll(stores.Values.Select(store => stored.AskAsync(store.Name, () => StoreStatus.ReadAsync(store, marks, cancellationToken), () => new StoreStatus(store.Name, store.Describe(""), Space: null, store.Silent()))))).ToDictionary(store => store.Name, StringComparer.Ordinal);
}

/// <summary>What one look shows: the agent, and each source when it is asked for, all from one reading of the journal.</summary>
internal sealed record StateSnapshot(StateReader Reader, AgentState Agent, JournalRecords Records)
{
    /// <summary>When the scheduler of this process starts each schedule next; null in a process that has none.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset>? Plan { get; init; }

    /// <summary>Null: what can't be listed now is not known.</summary>
    public ListingMemory? Memory { get; init; }

    public StoreStatus StoreOf(ScheduledSource source) => Agent.Stores[source.Source.Catalog.Store.Name];

    /// <summary>Each of them, one after the other.</summary>
    /// <param name="withOrphans">As of one.</param>
    public async Task<List<SourceState>> OfAllAsync(IReadOnlyList<ScheduledSource> sources, CancellationToken cancellationToken, bool withOrphans = false)
    {
        var states = new List<SourceState>(sources.Count);
        foreach (var source in sources)
            states.Add(await OfAsync(source, cancellationToken, withOrphans));
        return states;
    }

    /// <summary>How the disks of stores fill. Whatever is kept in a store counts, also of sources that nobody asked for.</summary>
    /// <param name="read">Those that were asked for; the forecast is of their stores.</param>
    /// <param name="all">Every source.</param>
    /// <returns>By store; none where nobody can tell.</returns>
    public async Task<IReadOnlyDictionary<string, StoreForecast>> ForecastAsync(IReadOnlyList<SourceState> read, IReadOnlyList<ScheduledSource> all, CancellationToken cancellationToken)
    {
        var (known, stores) = (read.Select(source => source.Name).ToHashSet(StringComparer.Ordinal), read.Select(source => source.Store.Name).ToHashSet(StringComparer.Ordinal));
        var others = await OfAllAsync([.. all.Where(source => !known.Contains(source.Name) && stores.Contains(StoreOf(source).Name))], cancellationToken);
        return read.Concat(others).GroupBy(source => source.Store.Name, StringComparer.Ordinal)
            .Select(sources => (Store: sources.Key, Forecast: StoreForecast.Of(Agent.Stores[sources.Key].Space, [.. sources])))
            .Where(store => store.Forecast is not null)
            .ToDictionary(store => store.Store, store => store.Forecast!, StringComparer.Ordinal);
    }

    /// <summary>Lists the source's backups.</summary>
    /// <param name="withOrphans">Whether files that belong to no backup are looked for as well.</param>
    /// <param name="now">Later than the look, when something was done to the backups in between; null: the instant of the look.</param>
    public async Task<SourceState> OfAsync(ScheduledSource source, CancellationToken cancellationToken, bool withOrphans = false, DateTimeOffset? now = null)
    {
        var listing = await Reader.ListAsync(source, withOrphans, mayTake: Memory is null, cancellationToken);
        listing = Memory?.Remember(source.Name, listing) ?? listing;
        var first = new SourceState(source, listing, Records.Of(source.Name, () => Reader.HistoryOf(source, listing, Records)), StoreOf(source), now ?? Agent.Now);
        var lost = new Lazy<IReadOnlySet<BackupId>>(() => (first with { Listing = listing with { Orphans = [] } }).Lost.Select(run => run.Backup!.Value).ToHashSet()); // copy gives a file that lost its other half that half back
        var copies = await Task.WhenAll(source.Source.Copies.Select(copy => CopyOfAsync(first, lost, copy, cancellationToken)));
        var state = first with
        {
            IsAgentRunning = Agent.IsRunning,
            IsAgentAwaited = Agent is { IsExpected: true, IsRunning: false, LastBeat: null },
            Plan = Plan,
            Copies = copies,
            Medium = copies.Length == 0 ? null : await Reader.MediumOfAsync(source.Source),
            Stream = Agent.IsRunning ? source.Source.Source.Service?.State : null,
        };
        return source.Source.Catalog.Store.HasLocks && !state.IsUnreadable ? state with { Locks = await Reader.LocksOfAsync(state, mayTake: Memory is null, cancellationToken) } : state;
    }

    private async Task<CopyState> CopyOfAsync(SourceState first, Lazy<IReadOnlySet<BackupId>> lost, CopyTarget copy, CancellationToken cancellationToken)
    {
        var source = first.Source.Source;
        var listing = await Reader.ListAsync(source, copy, withOrphans: false, mayTake: Memory is null, cancellationToken);
        return new CopyState(source, copy, first.Listing, first.Now)
        {
            Store = Agent.Stores[copy.Store],
            FirstMadeAt = first.Store.MadeAt,
            FirstLost = lost,
            Listing = Memory?.Remember(source.In(copy).Turn, listing) ?? listing,
            Last = Records.LastCopies.GetValueOrDefault((source.Name, copy.Store)),
        };
    }
}
