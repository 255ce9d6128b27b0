using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Operations;

/// <summary>What copying to one store did.</summary>
/// <param name="Store">The store that was written.</param>
/// <param name="Copied">In the order of copying.</param>
/// <param name="Removed">What was past its retention there.</param>
/// <param name="Failure">Why not all was done; null when all was. What was copied before it is copied.</param>
internal sealed record CopyRecord(string Store, IReadOnlyList<Backup> Copied, IReadOnlyList<Backup> Removed, BackupException? Failure)
{
    /// <summary>The further store that the first one got back its own from; null: it was copied to a further one.</summary>
    public string? From { get; init; }
}

/// <summary>
/// Brings a source's further stores to where the first one is: copies what they lack, reads each copy back, and applies their
/// own retention. Each store has a turn of its own: a slow one keeps neither runs nor other stores waiting, and one that is
/// away fails nothing but its own copies, which are caught up later.
/// </summary>
/// <param name="marks">Know the stores again; null where nobody has to.</param>
internal sealed partial class CopyOperation(OperationRunner runner, BackupExaminer examiner, StoreMarks? marks, OperationJournal journal, TimeProvider timeProvider, ILogger<CopyOperation> logger)
{
    /// <summary>Copies to all further stores at once. A failure is in the records, in the journal and in the log; it is not thrown.</summary>
    /// <param name="patience">How long copying to a store that is under way is waited for.</param>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    public async Task<IReadOnlyList<CopyRecord>> RunAsync(
        ProtectedSource source, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Asker? asker = null) =>
        await Task.WhenAll(source.Copies.Select(copy => RunAsync(source, copy, patience, progress, cancellationToken, asker)));

    /// <summary>The same to one of them.</summary>
    public async Task<CopyRecord> RunAsync(
        ProtectedSource source, CopyTarget copy, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Asker? asker = null)
    {
        var there = source.In(copy);
        try
        {
            return await runner.InTurnAsync(there, patience, () => CopyAsync(source, there, progress, asker, cancellationToken), cancellationToken);
        }
        catch (BackupException refused) // the store is busy, or the journal can't be written
        {
            return new CopyRecord(there.CopyStore!, [], [], refused);
        }
    }

    /// <summary>
    /// Takes back from the other stores, under its own name, what is damaged in the first one, and what it lost.
    /// The turn of the source is taken where there is something to take back, and for each backup with what it builds on:
    /// runs go on in between. What was set aside stays as evidence.
    /// </summary>
    /// <param name="evenLost">Whether what the first store lost comes back: somebody asked for it.</param>
    /// <returns>What was brought back, by the store that it came from.</returns>
    /// <exception cref="BackupException">The source is busy and nothing came back, or the first store or the journal can't be used.</exception>
    public async Task<IReadOnlyList<CopyRecord>> MendFirstAsync(ProtectedSource source, TimeSpan patience, bool evenLost, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Asker? asker = null)
    {
        if (source.Copies.Count == 0 || (!evenLost && DamagedIn(await source.Catalog.ListAsync(cancellationToken)).Count == 0))
            return [];
        var mended = new List<CopyRecord>();
        foreach (var copy in source.Copies)
        {
            if (await BringBackAsync(source, copy, patience, evenLost, progress, asker, cancellationToken) is { } record)
                mended.Add(record);
        }

        return mended;
    }

    /// <summary>The ids of what was set aside and has no twin that is not.</summary>
    private static HashSet<BackupId> DamagedIn(IReadOnlyList<Backup> backups)
    {
        var lost = backups.Where(backup => backup is { IsSetAside: true, ShowsCorruptSource: false, IsDamagedElsewhere: false, Manifest.IsCommitted: true }).Select(backup => backup.Id).ToHashSet();
        lost.ExceptWith(backups.Where(backup => !backup.IsSetAside).Select(backup => backup.Id));
        return lost;
    }

    /// <returns>Null where that store has nothing to give.</returns>
    private async Task<CopyRecord?> BringBackAsync(ProtectedSource first, CopyTarget from, TimeSpan patience, bool evenLost, IProgress<RunProgress>? progress, Asker? asker, CancellationToken cancellationToken)
    {
        IReadOnlyList<Backup> good;
        var made = evenLost ? journal.Made(first.Name, evenTold: true) : []; // anew: somebody may have accepted a loss while the store before was read
        var here = await first.Catalog.ListAsync(cancellationToken);
        var lost = evenLost ? LostBackups.Find(first, journal, made, here, orphans: [], runner.Now).Whole.Select(run => run.Backup!.Value).ToHashSet() : []; // a file that lost its other half gets it back
        var damaged = DamagedIn(here);
        try
        {
            var there = await from.Catalog.ListAsync(cancellationToken);
            var returnable = evenLost ? CopyPlan.Returnable(here, await StoreMarks.MadeAtAsync(first.Catalog.Store, cancellationToken), lost, there, first.Retention, runner.Now, first.Zone) : [];
            good = [.. returnable.Concat(there.Where(backup => damaged.Contains(backup.Id) && CopyPlan.IsSound(backup)).OrderBy(backup => backup.CapturedAt)).DistinctBy(backup => backup.Id)];
        }
        catch (BackupException)
        {
            return null; // its own copying tells that it is away
        }

        if (good.Count == 0)
            return null;
        await RequireMarkAsync(first.Catalog, () => journal.LastSuccessOfEach(OperationKind.Backup).ContainsKey(first.Name), cancellationToken);
        var store = first.Catalog.Store.Name;
        var begun = Operation.Begun(first.Name, OperationKind.Copy, runner.Now, DetailOf(0, good.Count, 0, store)) with { Store = store, Asker = asker };
        var (series, words) = (new Series(from.Catalog, first.In(from).StoreOption, good), WordsOf(first, store));
        var failure = (BackupException?)null;
        try
        {
            foreach (var chain in ByChain(good))
            {
                await runner.InTurnAsync(first, patience, async () =>
                {
                    var opened = await first.OpenAsync(cancellationToken);
                    return new TurnEnd<Series>(await opened.Catalog.AloneAsync(alone => CopyEachAsync(series, opened, chain, words, progress, alone), cancellationToken));
                }, cancellationToken);
            }
        }
        catch (BackupException refused) when (refused.Kind != FailureKind.Locked || series.Copied.Count > 0)
        {
            failure = refused;
        }

        failure ??= series.Trouble;
        var operation = journal.Record(begun with { EndedAt = runner.Now, Detail = DetailOf(series.Copied.Count, good.Count, 0, store), Failure = failure is null ? null : RunFailure.Of(failure) });
        foreach (var backup in series.Copied)
        {
            if (damaged.Contains(backup.Id))
                BroughtBack(first.Name, first.Catalog.Locate(backup.File), from.Catalog.Store.Name);
            else
                Returned(first.Name, first.Catalog.Locate(backup.File), from.Catalog.Store.Name);
        }

        if (failure is not null)
            CopyFailed(first.Name, store, failure.Kind, operation.Detail, failure.Message, failure.Hint);
        return new CopyRecord(store, series.Copied, [], failure) { From = from.Store };
    }

    /// <returns>Each with what it builds on, which comes before it: one without the other would not be kept.</returns>
    private static List<List<Backup>> ByChain(IReadOnlyList<Backup> backups)
    {
        var chains = new List<List<Backup>>();
        foreach (var backup in backups)
        {
            if (chains is [.., var last] && backup.Bases.Any(link => last.Exists(before => before.Id == link.Id)))
                last.Add(backup);
            else
                chains.Add([backup]);
        }

        return chains;
    }

    /// <summary>Copies one after the other. The trouble that one has itself keeps no other waiting, but what builds on it.</summary>
    private async Task<Series> CopyEachAsync(Series series, ProtectedSource to, IReadOnlyList<Backup> backups, OperationWords words, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        foreach (var backup in backups)
        {
            var before = series.Done;
            series.Done += 2 * backup.StoredLength; // it is read back
            try
            {
                if (backup.Bases.Any(link => series.Left.Contains(link.Id)))
                {
                    series.Left.Add(backup.Id);
                    continue;
                }

                await RequireRoomAsync(to.Catalog, backup, cancellationToken);
                var report = new InPlaceProgress(read => progress?.Report(new RunProgress(RunStage.Copy, before + read, series.Total)));
                series.Copied.Add(await WithinLimitAsync(to, words, token => CopyAsync(series, to, backup, report, token), cancellationToken));
            }
            catch (BackupException own) when (own.Kind is FailureKind.Verification or FailureKind.NotFound)
            {
                series.Left.Add(backup.Id);
                series.Trouble ??= own.Kind == FailureKind.NotFound ? null : own; // pruned, or removed by hand, since it was listed
            }
        }

        return series;
    }

    private async Task<TurnEnd<CopyRecord>> CopyAsync(ProtectedSource source, ProtectedSource there, IProgress<RunProgress>? progress, Asker? asker, CancellationToken cancellationToken)
    {
        var (store, words) = (there.CopyStore!, WordsOf(there, there.CopyStore!));
        var begun = Operation.Begun(source.Name, OperationKind.Copy, runner.Now, $"copies to store {store}") with { Store = store, Asker = asker };
        Work work;
        try
        {
            work = await WithinLimitAsync(there, words, token => PrepareAsync(source, there, token), cancellationToken);
        }
        catch (BackupException away)
        {
            return End(source, journal.Record(begun with { EndedAt = runner.Now, Failure = RunFailure.Of(away) }), new CopyRecord(store, [], [], away));
        }

        if (!work.IsNeeded)
            return new TurnEnd<CopyRecord>(new CopyRecord(store, [], [], Failure: null)); // nothing to do is in no journal
        var started = timeProvider.GetTimestamp();
        var (series, removed) = (new Series(work.First, "", work.Owed), (IReadOnlyList<Backup>)[]);
        var copied = series.Copied;
        var (operation, _, failure) = await runner.JournalledAsync(
            begun,
            (_, watched) => work.There.Catalog.AloneAsync(
                async alone =>
                {
                    await CopyEachAsync(series, work.There, work.Owed, words, watched, alone);
                    if (series.Trouble is { } trouble)
                        throw trouble;
                    removed = await WithinLimitAsync(there, words, token => PruneAsync(work.There, token), alone);
                    return copied;
                },
                cancellationToken),
            (ended, _) => ended with { Detail = DetailOf(copied.Count, work.Owed.Count, removed.Count, store), StoredBytes = copied.Sum(backup => backup.StoredLength), Backup = copied.FirstOrDefault()?.Id },
            (ended, _) =>
            {
                journal.End(ended);
                if (ended.Failure is null && copied.Count > 0)
                    journal.KeepCopy(source.Name, timeProvider.GetElapsedTime(started).TotalSeconds);
            },
            progress);
        return End(source, operation, new CopyRecord(store, copied, removed, failure));
    }

    /// <returns>The copy, which is good.</returns>
    private async Task<Backup> CopyAsync(Series series, ProtectedSource to, Backup backup, IProgress<long> progress, CancellationToken cancellationToken)
    {
        var copy = await to.Catalog.CopyHereAsync(series.From, backup, timeProvider, progress, cancellationToken, to.LockedUntil(backup.Schedule, backup.CapturedAt), series.FromOption);
        if (to.Source.Remains is null)
            return copy;
        var examined = await examiner.ExamineAsync(to, copy, progress: null, cancellationToken); // its bytes were compared, and not what they name
        return examined.State == BackupState.Good ? examined : throw new BackupException(
            FailureKind.Verification,
            $"the copy of {backup.File} in store '{to.Catalog.Store.Name}' does not count: {examined.Objection}",
            $"nexus-backup verify {backup.Id}{series.FromOption} reads the backup itself and sets it aside");
    }

    /// <summary>Looks at both stores, and reads what nobody knows the state of in this one.</summary>
    private async Task<Work> PrepareAsync(ProtectedSource source, ProtectedSource there, CancellationToken cancellationToken)
    {
        await RequireMarkAsync(there.Catalog, () => journal.CopyCounts().ContainsKey((source.Name, there.CopyStore!, RunResult.Success.Word())), cancellationToken);
        var (first, opened) = (await source.Catalog.OpenAsync(cancellationToken), await there.OpenAsync(cancellationToken));
        await opened.Catalog.SweepAsync(runner.Now, BackupRunner.OrphanGrace, cancellationToken);
        foreach (var unknown in (await opened.Catalog.ListAsync(cancellationToken)).Where(copy => copy.State is BackupState.Corrupt or BackupState.Unverified && copy.Manifest.IsCommitted && copy.Unreadable is null).ToList())
            await examiner.ExamineAsync(opened, unknown, progress: null, cancellationToken);
        var copies = await opened.Catalog.ListAsync(cancellationToken);
        var owed = CopyPlan.Owed(await first.ListAsync(cancellationToken), copies, there.Retention, runner.Now, there.Zone);
        return new Work(first, opened, owed, owed.Count > 0 || (await ToRemoveAsync(opened, copies, cancellationToken)).Count > 0);
    }

    /// <exception cref="BackupException">It is not the store that it was.</exception>
    private async Task RequireMarkAsync(BackupCatalog catalog, Func<bool> hasHistory, CancellationToken cancellationToken)
    {
        if (marks is null)
            return;
        await catalog.AskAsync(async () =>
        {
            await marks.RequireAsync(catalog.Store, hasHistory, cancellationToken);
            return true;
        });
    }

    /// <summary>As the first store is pruned, by its own periods; on a doubt nothing goes.</summary>
    private async Task<IReadOnlyList<Backup>> PruneAsync(ProtectedSource there, CancellationToken cancellationToken)
    {
        var proven = await CoverProof.CompleteAsync(examiner, there, runner.Now, cancellationToken);
        if (proven.Refusal(there) is { } refusal)
            throw refusal;
        if ((await ToRemoveAsync(there, proven.LaidOver(await there.Catalog.ListAsync(cancellationToken)), cancellationToken)).Count == 0)
            return [];
        var decisions = await ToRemoveAsync(there, proven.LaidOver(await there.Catalog.ListAgainAsync(cancellationToken)), cancellationToken);
        return await Pruner.ApplyAsync(there.Catalog, there.Remains, runner.Now - BackupRunner.OrphanGrace, decisions, cancellationToken);
    }

    private async Task<IReadOnlyList<RetentionDecision>> ToRemoveAsync(ProtectedSource there, IReadOnlyList<Backup> copies, CancellationToken cancellationToken)
    {
        var decisions = await RetentionDecisions.OfAsync(there, copies, runner.Now, cancellationToken);
        return decisions is [{ Backup.State: BackupState.Good }, ..] ? [.. decisions.Where(decision => !decision.Keep)] : [];
    }

    private static async Task RequireRoomAsync(BackupCatalog catalog, Backup backup, CancellationToken cancellationToken)
    {
        if ((await catalog.Store.GetHealthAsync(cancellationToken)).Space is { } space && space.Available < backup.StoredLength)
        {
            var howFull = catalog.Store.Inspection.CommandFor(StoreQuestion.HowFull, catalog.PathOf("")) is { } command ? $" ({command})" : "";
            throw new BackupException(
                FailureKind.StoreFull,
                $"store '{catalog.Store.Name}' has {ByteCount.Text(space.Available)} available and the copy of {backup.File} needs {ByteCount.Text(backup.StoredLength)}",
                $"free space there{howFull}, or keep copies for a shorter time (keep); the next copy tries again");
        }
    }

    private Task<T> WithinLimitAsync<T>(ProtectedSource source, OperationWords words, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        runner.WithinLimitAsync(source, words, work, broke => CopyBroke(broke, source.Name), cancellationToken);

    /// <summary>Hooks hear of a failure once, and not again before a success: it is tried again by itself for as long as it takes.</summary>
    private TurnEnd<CopyRecord> End(ProtectedSource source, Operation operation, CopyRecord record)
    {
        if (record.Failure is { } failure)
            CopyFailed(source.Name, record.Store, failure.Kind, operation.Detail, failure.Message, failure.Hint);
        else
            CopySucceeded(source.Name, operation.Detail, operation.StoredBytes ?? 0, operation.Took.TotalSeconds);
        var isNews = record.Failure is not null && journal.LastCopy(source.Name, record.Store, before: operation.Id) is not { Failure: not null };
        return isNews ? new TurnEnd<CopyRecord>(record, OperationRunner.News(source, operation, backup: null)) : new TurnEnd<CopyRecord>(record);
    }

    private static string DetailOf(int copied, int owed, int removed, string store) =>
        $"{(copied == owed ? $"{copied}" : $"{copied} of {owed}")} backup{(owed == 1 ? "" : "s")} copied to store {store}{(removed == 0 ? "" : $", {removed} expired there removed")}";

    private static OperationWords WordsOf(ProtectedSource source, string store) => new(
        $"copying source '{source.Name}' to store '{store}'", $"copy source '{source.Name}' to store '{store}'", $"copying source '{source.Name}' to store '{store}'", "nexus-backup copy", source.Catalog.Locate(""))
    {
        AfterStop = "what was copied before is whole; the rest is copied the next time",
    };

    /// <summary>Backups that are copied one after the other, and what came of it so far.</summary>
    /// <param name="from">Where they are good.</param>
    /// <param name="fromOption">What a command needs to look at them there.</param>
    /// <param name="backups">In the order of copying.</param>
    private sealed class Series(BackupCatalog from, string fromOption, IReadOnlyList<Backup> backups)
    {
        public BackupCatalog From => from;

        public string FromOption => fromOption;

        public List<Backup> Copied { get; } = [];

        /// <summary>Those that are not copied for a reason of their own.</summary>
        public HashSet<BackupId> Left { get; } = [];

        /// <summary>The first reason that somebody has to hear.</summary>
        public BackupException? Trouble { get; set; }

        public long Done { get; set; }

        public long Total { get; } = 2 * backups.Sum(backup => backup.StoredLength);
    }

    /// <param name="First">Where backups are copied from.</param>
    /// <param name="There">Where they go.</param>
    /// <param name="Owed">In the order of copying.</param>
    /// <param name="IsNeeded">Whether there is anything to do.</param>
    private sealed record Work(BackupCatalog First, ProtectedSource There, IReadOnlyList<Backup> Owed, bool IsNeeded);

    [LoggerMessage(EventId = 1601, EventName = "copy_succeeded", Level = LogLevel.Information, Message = "copying of {Source}: {Detail}, {StoredBytes} bytes, {Seconds:0.0} s, read back")]
    private partial void CopySucceeded(string source, string detail, long storedBytes, double seconds);

    [LoggerMessage(EventId = 1602, EventName = "copy_failed", Level = LogLevel.Error, Message = "copying of {Source} to store {Store} failed, cause {Failure} ({Detail}); its backups in the first store are as good as before, and it is tried again: {Reason}. Next: {Hint}")]
    private partial void CopyFailed(string source, string store, FailureKind failure, string detail, string reason, string hint);

    [LoggerMessage(EventId = 1603, EventName = "copy_broke", Level = LogLevel.Error, Message = "copying of {Source}: unexpected error")]
    private partial void CopyBroke(Exception exception, string source);

    [LoggerMessage(EventId = 1604, EventName = "copy_brought_back", Level = LogLevel.Warning, Message = "copying of {Source}: {File} was corrupt and is whole again, from its copy in store {Store}; the corrupt one is kept beside it")]
    private partial void BroughtBack(string source, string file, string store);

    [LoggerMessage(EventId = 1605, EventName = "copy_returned", Level = LogLevel.Warning, Message = "copying of {Source}: {File} was lost and is there again, from its copy in store {Store}")]
    private partial void Returned(string source, string file, string store);
}

/// <summary>A further store of a source, which gets copies.</summary>
/// <param name="Catalog">The source's backups there.</param>
/// <param name="Retention">How long each schedule's backups are kept there.</param>
internal sealed record CopyTarget(BackupCatalog Catalog, IReadOnlyDictionary<string, RetentionPeriod> Retention)
{
    public string Store => Catalog.Store.Name;

    /// <summary>Whether it is at another site than the source.</summary>
    public bool IsOffsite { get; init; }
}

/// <summary>Which stores hold a backup good. Of a store that can't be read nothing is told.</summary>
/// <param name="first">The name of the first store.</param>
/// <param name="copies">The good ones of the further stores.</param>
internal sealed class BackupHolders(string first, IReadOnlyList<(string Store, IReadOnlySet<BackupId> Good)> copies)
{
    /// <summary>The further stores that hold good ones, and how many.</summary>
    public IReadOnlyList<(string Store, int Good)> Further => [.. copies.Where(copy => copy.Good.Count > 0).Select(copy => (copy.Store, copy.Good.Count))];

    /// <returns>The first store first; none where it is good nowhere.</returns>
    public IReadOnlyList<string> Of(Backup backup) =>
        [.. backup.State == BackupState.Good ? (string[])[first] : [], .. copies.Where(copy => copy.Good.Contains(backup.Id)).Select(copy => copy.Store)];

    /// <param name="list">Lists a further store; null where it can't be read.</param>
    /// <returns>Null where the source has one store.</returns>
    public static async Task<BackupHolders?> FindAsync(ProtectedSource source, Func<CopyTarget, Task<IReadOnlyList<Backup>?>> list)
    {
        if (source.Copies.Count == 0)
            return null;
        var listed = await Task.WhenAll(source.Copies.Select(async copy => (copy.Store, (IReadOnlySet<BackupId>)(await list(copy) ?? []).Where(backup => backup.State == BackupState.Good).Select(backup => backup.Id).ToHashSet())));
        return new BackupHolders(source.Catalog.Store.Name, listed);
    }
}

/// <summary>What retention keeps and removes in a store, with all that holds a backup besides.</summary>
internal static class RetentionDecisions
{
    /// <returns>One for each backup, newest first.</returns>
    public static async Task<IReadOnlyList<RetentionDecision>> OfAsync(ProtectedSource source, IReadOnlyList<Backup> backups, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var held = await HeldForCopies.FindAsync(source, backups, now, cancellationToken);
        var decisions = RetentionPolicy.Decide(backups, source.Retention, now, source.Zone, held);
        var locks = await Task.WhenAll(decisions.Where(decision => !decision.Keep).Select(async decision => (decision.Backup.Id, Until: await source.Catalog.LockOfAsync(decision.Backup, cancellationToken))));
        var locked = locks.Where(found => found.Until is not null).DistinctBy(found => found.Id).ToDictionary(
            found => found.Id, found => $"locked in store {source.Catalog.Store.Name} until {Instants.InZone(found.Until!.Value, source.Zone)}: removed once the lock has ended");
        return locked.Count == 0 ? decisions : RetentionPolicy.Decide(backups, source.Retention, now, source.Zone, locked.Concat(held.Where(other => !locked.ContainsKey(other.Key))).ToDictionary(pair => pair.Key, pair => pair.Value));
    }
}

/// <summary>Backups that a store does not let go yet: the first one because another one has no copy, and any because another one may need their snapshots and is away.</summary>
internal static class HeldForCopies
{
    /// <param name="source">With the store that is pruned.</param>
    /// <param name="backups">What is there.</param>
    /// <returns>Why each is held; none once the first store's disk is as full as asks for somebody: a store that stays away must not stop the backups themselves.</returns>
    public static async Task<IReadOnlyDictionary<BackupId, string>> FindAsync(ProtectedSource source, IReadOnlyList<Backup> backups, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (source.Remains is { } remains && await remains.WhyKeepAsync(cancellationToken) is { } unknown)
            return backups.Select(backup => backup.Id).Distinct().ToDictionary(id => id, _ => $"a copy may need its snapshot, and {unknown.Message}");
        var held = new Dictionary<BackupId, string>();
        if (source.Copies.Count == 0 || (await source.Catalog.Store.GetHealthAsync(cancellationToken)).Space is { IsTight: true })
            return held;
        foreach (var copy in source.Copies)
        {
            IReadOnlyList<Backup> copies = [];
            try
            {
                copies = await copy.Catalog.ListAsync(cancellationToken);
            }
            catch (BackupException)
            {
                // What it lacks nobody knows, so all that it would keep counts as owed; its own copying tells that it is away.
            }

            foreach (var owed in CopyPlan.Owed(backups, copies, copy.Retention, now, source.Zone))
                held.TryAdd(owed.Id, $"not yet copied to store {copy.Store}: kept until it is, or until the disk is {StoreSpace.TightRatio * 100:0} % full");
        }

        return held;
    }
}
