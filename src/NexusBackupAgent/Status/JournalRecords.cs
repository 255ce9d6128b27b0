using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Status;

/// <summary>What the journal has of all sources, read once.</summary>
/// <param name="Log">Runs and verifications.</param>
/// <param name="LastDrills">The last drill that ended, by source.</param>
/// <param name="PassedDrills">The last one that passed, by source: one that failed measured no recovery.</param>
/// <param name="LastHooks">The last hooks that were told, by source.</param>
/// <param name="Restores">How restores went.</param>
internal sealed record JournalRecords(
    JournalSnapshot Log,
    IReadOnlyDictionary<string, Operation> LastDrills,
    IReadOnlyDictionary<string, Operation> PassedDrills,
    IReadOnlyDictionary<string, Operation> LastHooks,
    PastRestores Restores)
{
    private readonly Lazy<Dictionary<string, long>> successfulRuns = new(() => Log.Runs
        .Where(runs => runs.Key.Result == RunResult.Success.Word())
        .GroupBy(runs => runs.Key.Source, StringComparer.Ordinal)
        .ToDictionary(runs => runs.Key, runs => runs.Sum(count => count.Value), StringComparer.Ordinal));

    /// <summary>Of a journal that can't be read.</summary>
    public static JournalRecords None { get; } = new(
        new JournalSnapshot(new Dictionary<string, SourceActivity>(StringComparer.Ordinal), new Dictionary<(string, string, string), long>(), new Dictionary<(string, string, string), long>())
        {
            Schedules = new Dictionary<(string, string), DateTimeOffset>(),
        },
        Nothing,
        Nothing,
        Nothing,
        new PastRestores([], Nothing));

    /// <summary>Ended drills by source and result (<c>success</c>, <c>failure</c>).</summary>
    public IReadOnlyDictionary<(string Source, string Result), long> DrillCounts { get; init; } = new Dictionary<(string, string), long>();

    /// <summary>The last copying that ended, by source and store.</summary>
    public IReadOnlyDictionary<(string Source, string Store), Operation> LastCopies { get; init; } = new Dictionary<(string, string), Operation>();

    /// <summary>Ended copyings by source, store and result (<c>success</c>, <c>failure</c>).</summary>
    public IReadOnlyDictionary<(string Source, string Store, string Result), long> CopyCounts { get; init; } = new Dictionary<(string, string, string), long>();

    /// <summary>Ended restores, in the same way.</summary>
    public IReadOnlyDictionary<(string Source, string Result), long> RestoreCounts { get; init; } = new Dictionary<(string, string), long>();

    private static Dictionary<string, Operation> Nothing => new(StringComparer.Ordinal);

    /// <param name="source">The source's name.</param>
    /// <param name="history">Reads what is not read for all sources at once.</param>
    public SourceRecords Of(string source, Func<SourceHistory> history) => new()
    {
        Activity = Log.Sources.GetValueOrDefault(source),
        SuccessfulRuns = new Lazy<long>(() => successfulRuns.Value.GetValueOrDefault(source)),
        LastDrill = LastDrills.GetValueOrDefault(source),
        PassedDrill = PassedDrills.GetValueOrDefault(source),
        LastHook = LastHooks.GetValueOrDefault(source),
        LastLiveRestore = Restores.LastOverLive.GetValueOrDefault(source),
        DiedRestore = Restores.Died.FirstOrDefault(died => died.Source == source),
        SchedulesKnownSince = Log.Schedules,
        Counts = new SourceCounts(this, source),
        History = new Lazy<SourceHistory>(history),
    };
}

/// <summary>What the journal has of one source.</summary>
internal sealed record SourceRecords
{
    /// <summary>Null before the scheduler has taken the source on.</summary>
    public SourceActivity? Activity { get; init; }

    /// <summary>Backups that were ever made and read back.</summary>
    public Lazy<long> SuccessfulRuns { get; init; } = new(0L);

    /// <summary>The last drill that ended; null when none did.</summary>
    public Operation? LastDrill { get; init; }

    /// <summary>The last one that passed; null when none did.</summary>
    public Operation? PassedDrill { get; init; }

    /// <summary>The last hooks that were told.</summary>
    public Operation? LastHook { get; init; }

    /// <summary>The last restore over the live source that ended or died; null when there was none.</summary>
    public Operation? LastLiveRestore { get; init; }

    /// <summary>A restore, over the live source or elsewhere, whose process died and that no other followed; null when there is none.</summary>
    public Operation? DiedRestore { get; init; }

    /// <summary>Since when each schedule is what it is, UTC, by source and schedule.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> SchedulesKnownSince { get; init; } = new Dictionary<(string, string), DateTimeOffset>();

    public SourceCounts Counts { get; init; } = new(JournalRecords.None, "");

    /// <summary>What only a look at this one source asks; a scrape of a thousand sources never does.</summary>
    public Lazy<SourceHistory> History { get; init; } = new(new SourceHistory());
}

/// <summary>What the journal tells of one source alone.</summary>
internal sealed record SourceHistory
{
    /// <summary>Why the last run failed; null when it did not.</summary>
    public RunFailure? LastFailure { get; init; }

    /// <summary>When the last run that succeeded since the last restore that failed began, UTC; null when none did. Asked while the backups themselves can't be.</summary>
    public DateTimeOffset? LastGoodRunAt { get; init; }

    /// <summary>The runs that made a backup which should be in the store unless retention removed it, oldest first.</summary>
    public Lazy<IReadOnlyList<Operation>> Made { get; init; } = new([]);

    /// <summary>When a run of each schedule last started, UTC.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> LastStarts { get; init; } = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
}

/// <summary>How often something ended, of one source; survives restarts. Results are <c>success</c>, <c>failure</c> and, of runs, <c>skipped</c>.</summary>
internal sealed record SourceCounts(JournalRecords All, string Source)
{
    public long Runs(string schedule, string result) => All.Log.Runs.GetValueOrDefault((Source, schedule, result));

    public long Verifications(VerificationCheck check, string result) => All.Log.Verifications.GetValueOrDefault((Source, check.Word(), result));

    public long Drills(string result) => All.DrillCounts.GetValueOrDefault((Source, result));

    public long Copies(string store, string result) => All.CopyCounts.GetValueOrDefault((Source, store, result));

    public long Restores(string result) => All.RestoreCounts.GetValueOrDefault((Source, result));
}
