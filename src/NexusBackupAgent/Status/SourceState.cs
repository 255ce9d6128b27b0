using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Status;

/// <summary>
/// How one source is at one instant: the only answer to that for metrics, status, runbook, health and API. Everything follows
/// from the values that it is made of, and is computed when it is first asked for.
/// </summary>
/// <param name="Source">What is configured.</param>
/// <param name="Listing">What its directory in the store shows.</param>
/// <param name="Records">What the journal has of it.</param>
/// <param name="Store">Its store.</param>
/// <param name="Now">The instant, UTC.</param>
internal sealed record SourceState(ScheduledSource Source, SourceListing Listing, SourceRecords Records, StoreStatus Store, DateTimeOffset Now)
{
    private (Backup? Backup, bool IsFound) newestGood;
    private (int Count, bool IsCounted) overdue;
    private (IReadOnlyList<RecoveryWindow>? Windows, bool AreFound) windows;
    private IReadOnlyList<EscalationReason>? reasons;
    private IReadOnlyList<Operation>? lost;

    /// <summary>A changed copy computes everything anew.</summary>
    private SourceState(SourceState other)
    {
        (Source, Listing, Records, Store, Now) = other;
        (IsAgentRunning, IsAgentAwaited, Plan, Stream, Copies, Medium, Locks) = (other.IsAgentRunning, other.IsAgentAwaited, other.Plan, other.Stream, other.Copies, other.Medium, other.Locks);
    }

    /// <summary>Whether an agent runs: without one, a run that the journal has under way died with it, or has a person before it.</summary>
    public bool IsAgentRunning { get; init; }

    /// <summary>Whether an agent is to start its schedules and none ever did.</summary>
    public bool IsAgentAwaited { get; init; }

    /// <summary>When the scheduler of this process starts each schedule next, UTC, by source and schedule; null in a process that has none.</summary>
    public IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset>? Plan { get; init; }

    /// <summary>How the agent receives its changes between backups; null: it does not, or no agent runs.</summary>
    public StreamState? Stream { get; init; }

    /// <summary>Its further stores, in the order of the configuration.</summary>
    public IReadOnlyList<CopyState> Copies { get; init; } = [];

    /// <summary>What the live one lies on; null where nobody knows.</summary>
    public string? Medium { get; init; }

    /// <summary>Whether 3-2-1 is met; null of a source with one store, which it can't be, and of one whose content lies in none. A store that can't be read now, or whose copies are late, does not count.</summary>
    public ThreeTwoOne? ThreeTwoOne => Copies.Count == 0 || Source.Source.Source?.Remains is not null ? null : ThreeTwoOne.Of(Medium ?? "the source",
    [
        .. NewestGood is null || IsUnreadable ? [] : ((string, bool)[])[(Store.Medium ?? Store.Name, Source.Source.IsOffsite)],
        .. Copies.Where(copy => copy is { NewestGood: not null, Listing.Failure: null } && !(Now - copy.WaitingSince > Source.RpoCritical)).Select(copy => (copy.Store.Medium ?? copy.Name, copy.IsOffsite)),
    ]);

    /// <summary>Which further stores have what the first one lost; empty where none has, or it lost nothing.</summary>
    public Bilingual CopiesText
    {
        get
        {
            var holders = NewestGood is not null ? [] : Copies.Where(copy => copy is { NewestGood: not null, Listing.Failure: null }).ToList();
            if (holders.Count == 0)
                return Bilingual.Same("");
            var good = holders.Select(copy => (copy.Name, Count: copy.Backups.Count(backup => backup.State == BackupState.Good), Newest: Instants.InZone(copy.NewestGood!.CapturedAt, Source.Source.Zone))).ToList();
            return new(
                string.Join("; ", good.Select(copy => $"store {copy.Name} has {copy.Count} good {(copy.Count == 1 ? "backup" : "backups")}, the newest of {copy.Newest}")),
                string.Join("。", good.Select(copy => $"格納先 {copy.Name} に正常バックアップ{copy.Count}件あり（最新 {copy.Newest}）")));
        }
    }

    public string Name => Source.Name;

    /// <summary>Newest first; none while they are not known.</summary>
    public IReadOnlyList<Backup> Backups => Listing.Backups ?? [];

    /// <summary>Whether its backups are known: now, or as this process last saw them. If not, what follows from them says nothing.</summary>
    public bool IsKnown => Listing.Backups is not null;

    /// <summary>Why its backups can't be listed now; null when they can.</summary>
    public BackupException? ListFailure => Listing.Failure;

    /// <summary>Whether its backups can't be listed now.</summary>
    public bool IsUnreadable => ListFailure is not null;

    /// <summary>Whether nothing is left of what was made. A store whose disk is not mounted looks just so.</summary>
    public bool IsEmptied => !IsUnreadable && Backups.Count == 0 && SuccessfulRuns > 0;

    /// <summary>Whether there is no good backup any more, as far as can be seen.</summary>
    public bool IsWithoutGood => NewestGood is null && SuccessfulRuns > 0;

    /// <summary>The newest that was committed and not set aside.</summary>
    public Backup? Newest => Backups.FirstOrDefault(backup => backup.Manifest.IsCommitted && backup.State != BackupState.Quarantined);

    /// <summary>What it would be restored from; null when there is nothing.</summary>
    public Backup? NewestGood
    {
        get
        {
            if (!newestGood.IsFound)
                newestGood = (Backups.NewestGood(Now), true);
            return newestGood.Backup;
        }
    }

    /// <summary>The newest good backup that was expanded with all that it builds on, if only before it was encrypted; null: there is none.</summary>
    public Backup? NewestProvenWhole => Backups.Where(backup => backup.IsProvenWhole).NewestGood(Now);

    /// <summary>Of <see cref="NewestGood"/>.</summary>
    public TimeSpan? Age => Now - NewestGood?.CapturedAt;

    /// <summary>Within which instants it can be restored to any, newest first; null: to those of its backups alone.</summary>
    public IReadOnlyList<RecoveryWindow>? Windows
    {
        get
        {
            if (!windows.AreFound)
                windows = (Source.Source.Source?.RecoversToInstants == true ? RecoveryWindow.Of([.. Backups.Where(backup => !backup.IsFromTheFuture(Now))]) : null, true);
            return windows.Windows;
        }
    }

    /// <summary>Backups that the last prune should have removed and that are still there.</summary>
    public int Overdue
    {
        get
        {
            if (!overdue.IsCounted)
                overdue = (OverdueBackups.Count(Source.Source, Backups, Activity, Now, Held.Concat(Locks.Keys).ToHashSet()), true);
            return overdue.Count;
        }
    }

    /// <summary>Those that retention would have removed and a lock of the store keeps, and until when, UTC: that is no neglect, as where a retention was shortened.</summary>
    public IReadOnlyDictionary<BackupId, DateTimeOffset> Locks { get; init; } = new Dictionary<BackupId, DateTimeOffset>();

    /// <summary>What is kept for the further stores.</summary>
    private IEnumerable<BackupId> Held => Copies.SelectMany(copy => copy.Held).Select(backup => backup.Id);

    /// <summary>Those that would count as overdue if nothing was locked.</summary>
    internal IReadOnlyList<Backup> OverdueUnlessLocked => OverdueBackups.Find(Source.Source, Backups, Activity, Now, Held.ToHashSet());

    public int FromFuture => Backups.Count(backup => backup.IsFromTheFuture(Now));

    /// <summary>What each schedule should have in the store and has not; none while the backups are not known.</summary>
    public IReadOnlyList<MissingBackups> Reviews => IsKnown ? Source.Review(Backups, Records.SchedulesKnownSince, Activity?.RunStartedAt is not null, Now) : [];

    /// <summary>The artifact of a backup whose manifest alone is gone or damaged, as far as names tell; null when there is none.</summary>
    public string? ArtifactLeftOf(BackupId id)
    {
        var name = Copies.SelectMany(copy => copy.Backups).FirstOrDefault(backup => backup.Id == id)?.Manifest.File;
        return Backups.Where(backup => CopyPlan.MayBeLeft(backup) && id.IsOf(backup.CapturedAt)).Select(backup => backup.File)
            .Concat(Listing.Orphans.Select(orphan => orphan.File).Where(file => BackupFiles.ArtifactOfManifest(file) is null && BackupFiles.CapturedAt(file, Source.Source.Zone) is { } at && id.IsOf(at)))
            .FirstOrDefault(file => name is null || file == name);
    }

    /// <summary>The further stores from which <c>copy</c> brings a backup back.</summary>
    public IReadOnlyList<string> HoldersOf(BackupId id) => [.. Copies.Where(copy => copy.Returnable.Any(backup => backup.Id == id)).Select(copy => copy.Name)];

    /// <summary>Files that belong to no backup; what is being written now is none of them.</summary>
    public IReadOnlyList<Orphan> Orphans => Activity?.RunStartedAt is null ? Listing.Orphans : [.. Listing.Orphans.Where(orphan => orphan.Sweepable.Count == 0)];

    /// <summary>
    /// The runs that made backups of which nothing is left although retention did not remove them, oldest first, until somebody accepts
    /// that or retention would have removed them. None where all are gone, or can't be seen: that is told by itself. The journal tells,
    /// so only a look at this one source asks.
    /// </summary>
    public IReadOnlyList<Operation> Lost => lost ??= IsUnreadable || !IsKnown || IsEmptied || Store.IsAnother ? [] : LostBackups.Find(
        [.. Records.History.Value.Made.Value.Where(run => run.EndedAt <= Now)], Backups, Listing.Orphans, Source.Source.Retention,
        Records.SchedulesKnownSince.Where(noted => noted.Key.Source == Name).ToDictionary(noted => noted.Key.Schedule, noted => noted.Value, StringComparer.Ordinal), Now, Source.Source.Zone).Whole;

    /// <summary>The configured schedules, <c>manual</c>, and those that only old backups still name.</summary>
    public IReadOnlyList<string> Schedules => [.. Source.Schedules.Select(schedule => schedule.Name)
        .Append(BackupManifest.ManualSchedule)
        .Union(Backups.Select(backup => backup.Schedule), StringComparer.Ordinal)];

    public Backup? NewestGoodOf(string schedule) => Backups.Where(backup => backup.Schedule == schedule).NewestGood(Now);

    /// <summary>From the journal; null before the scheduler has taken the source on.</summary>
    public SourceActivity? Activity => Records.Activity;

    public SourceCounts Counts => Records.Counts;

    /// <summary>Backups that were ever made and read back.</summary>
    public long SuccessfulRuns => Records.SuccessfulRuns.Value;

    /// <summary>When the run started that the agent has under way, UTC; null when there is none, or no agent.</summary>
    public DateTimeOffset? RunStartedAt => IsAgentRunning ? Activity?.RunStartedAt : null;

    /// <summary>Why the last run failed; null when it did not.</summary>
    public RunFailure? LastFailure => Records.History.Value.LastFailure;

    /// <summary>The same, where it counts against the source: one that somebody stopped is told, and is none.</summary>
    public RunFailure? CountedFailure => LastFailure is { Kind: not FailureKind.Interrupted } failure ? failure : null;

    /// <summary>The last restore drill; null when there was none.</summary>
    public LastDrill? LastDrill => LastDrill.Of(Records.LastDrill, Backups);

    /// <summary>The last one that passed: a drill that failed measured no recovery.</summary>
    public LastDrill? PassedDrill => LastDrill.Of(Records.PassedDrill, [.. Backups.Where(backup => backup.Drill is { Passed: true })]);

    /// <summary>Why the hooks that were told last failed; null when they did not.</summary>
    public RunFailure? HookFailure => Records.LastHook?.Failure;

    /// <summary>UTC; null when nothing is scheduled.</summary>
    public DateTimeOffset? NextRun => Source.Schedules.Select(schedule => NextRunOf(schedule)).Min();

    /// <summary>The schedule that should have started and did not, and when; null when there is none.</summary>
    public (Schedule Schedule, DateTimeOffset Due)? Late => Activity is { RunStartedAt: null, AddedAt: var addedAt }
        ? LateSchedule.Find(Source.Schedules, addedAt, schedule => Records.History.Value.LastStarts.TryGetValue(schedule.Name, out var at) ? at : null, Now, Source.Source.Zone)
        : null;

    /// <summary>The last restore over the live source, if it failed or died, until a good backup of what is there now follows; null otherwise.</summary>
    public Operation? FailedRestore => Records.LastLiveRestore is { Failure: not null } restore && !(LastGoodAt >= restore.EndedAt) ? restore : null;

    /// <summary>A restore whose process died, until a good backup of what is there now follows; null otherwise.</summary>
    public Operation? RestoreToMend => Records.DiedRestore is { } died && !(LastGoodAt >= died.StartedAt) ? died : null;

    /// <summary>When the source was restored, UTC, if no run ended since; null otherwise.</summary>
    public DateTimeOffset? RestoredAt => Records.LastLiveRestore is { Succeeded: true } restore && !(Activity?.LastRunAt > restore.EndedAt) ? restore.EndedAt : null;

    /// <summary>When the state was captured, UTC, that a good backup has; while the backups can't be listed, as far as the journal tells. Null when there is none.</summary>
    public DateTimeOffset? LastGoodAt => IsUnreadable ? Records.History.Value.LastGoodRunAt : NewestGood?.CapturedAt;

    /// <summary>What asks for a level, the highest first; none: the source is well protected, or new.</summary>
    public IReadOnlyList<EscalationReason> Reasons => reasons ??= Escalation.Decide(this);

    /// <summary>Of the source alone. What is shown is <see cref="AgentState.LevelOf"/>.</summary>
    public EscalationLevel Level => Escalation.Highest(Reasons);

    /// <summary>Whether it has yet to make its first good backup and still has its first day (<c>rpo.warning</c>) for that.</summary>
    public bool IsNew => !IsUnreadable && NewestGood is null && SuccessfulRuns == 0 && Now - Activity?.AddedAt < Source.RpoWarning;

    /// <summary>What the age of its newest good backup means; null when nobody can tell: the store can't be read, or no agent has noted yet when it was added.</summary>
    public RpoStanding? Rpo => this switch
    {
        { IsUnreadable: true } => null,
        { Age: { } age } when age >= Source.RpoEmergency => RpoStanding.Exceeded,
        { Age: { } age } when age >= Source.RpoCritical => RpoStanding.Critical,
        { Age: { } age } when age >= Source.RpoWarning => RpoStanding.Warning,
        { Age: not null } => RpoStanding.Within,
        { IsNew: true } => RpoStanding.New,
        { Activity: null, SuccessfulRuns: 0 } => null,
        _ => RpoStanding.Exceeded,
    };

    /// <summary>As the scheduler of this process has planned it, which may be past; where there is none, after this instant. UTC; null: never.</summary>
    public DateTimeOffset? NextRunOf(Schedule schedule) => Plan is null
        ? schedule.Cron.GetNextOccurrence(Now, Source.Source.Zone)
        : Plan.TryGetValue((Name, schedule.Name), out var at) ? at : null;
}
