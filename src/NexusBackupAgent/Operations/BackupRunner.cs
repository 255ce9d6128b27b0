using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Operations;

/// <summary>One attempt at one backup, from snapshot to pruning. The caller holds the source's lock.</summary>
internal sealed class BackupRunner(BackupCapture capture, BackupExaminer examiner, TimeProvider timeProvider)
{
    /// <summary>How long a leftover of a crash is kept before it is swept: long enough to look at it.</summary>
    public static readonly TimeSpan OrphanGrace = TimeSpan.FromHours(24);

    /// <summary>Bytes of content from which a pass fills all its buffers.</summary>
    private const long ManyBuffers = 8L * FrameEngine.BlockSize;

    /// <exception cref="BackupException">Nothing good was added; older backups are untouched.</exception>
    public async Task<BackupOutcome> RunAsync(
        ProtectedSource source, string schedule, BackupType type, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = new StageWatch(timeProvider);
        source = await source.OpenAsync(cancellationToken);
        using var plain = await source.Catalog.KeepPlainCopiesAsync(cancellationToken);
        await source.Catalog.SweepAsync(timeProvider.GetUtcNow(), OrphanGrace, cancellationToken);
        await Pruner.SettleAsync(source.Catalog, source.Remains, Sweepable, cancellationToken);

        var captured = await capture.CaptureAsync(source, schedule, type, progress, cancellationToken);
        GiveBackBuffers(captured.Backup);
        watch.Done(RunStage.Capture);

        var backup = await VerifyAsync(source, captured.Backup, progress, cancellationToken);
        GiveBackBuffers(captured.Backup);
        (backup, var proven) = await ExpandCoverAsync(source, backup, cancellationToken);
        watch.Done(RunStage.Verify);

        // Only here: in doubt, nothing is deleted.
        var decisions = await PruneAsync(source, backup, proven, cancellationToken);
        watch.Done(RunStage.Prune);
        return new BackupOutcome(backup, decisions, watch.Stages) { FullBecause = captured.FullBecause };
    }

    // A pass ends with megabytes of large buffers unused. The collector would leave them until the next full collection,
    // which an agent that sleeps until tomorrow reaches tomorrow. After a small one the collection would cost more than it gives.
    private static void GiveBackBuffers(Backup captured)
    {
        if (captured.ExpandedLength > ManyBuffers)
            SpareMemory.Return();
    }

    private async Task<Backup> VerifyAsync(ProtectedSource source, Backup captured, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            var report = RunProgress.In(RunStage.Verify, captured.LengthToRead, progress);
            var backup = await examiner.ExamineAsync(source, captured, report, cancellationToken, await EnoughAsync(source, cancellationToken));
            if (backup.State != BackupState.Good)
                throw await RefuseAsync(source, backup, cancellationToken);
            return backup.NotRecorded is { } unknown ? throw unknown : backup; // nobody would know that it is good
        }
        catch (BackupException full) when (full.Kind == FailureKind.StoreFull)
        {
            // What cannot be read back for want of room would only fill the disk further, run after run.
            await RemoveAsync(source, captured, CancellationToken.None);
            throw;
        }
    }

    /// <summary>
    /// What it builds on is expanded by verifications, and before retention counts on this one. But once the source is known to be
    /// corrupt, each run asks whether it still is, until one finds that it is not.
    /// </summary>
    private static async Task<Proof> EnoughAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        var backups = await source.Catalog.ListAsync(cancellationToken);
        var corrupt = backups.Where(backup => backup.ShowsCorruptSource).MaxBy(backup => backup.CapturedAt);
        return corrupt is null || backups.Any(backup => backup.CapturedAt > corrupt.CapturedAt && backup.IsProvenWhole) ? Proof.Chain : Proof.Whole;
    }

    /// <summary>What retention is about to count on may be the new backup itself, or what that builds on: if the new one is no good when that is expanded, the run failed.</summary>
    private async Task<(Backup Backup, CoverProof Proven)> ExpandCoverAsync(ProtectedSource source, Backup backup, CancellationToken cancellationToken)
    {
        CoverProof proven;
        BackupException? refusal;
        try
        {
            proven = await CoverProof.CompleteAsync(examiner, source, timeProvider.GetUtcNow(), cancellationToken);
            refusal = proven.Refusal(source);
            if (proven.Read.FirstOrDefault(cover => cover.Id == backup.Id) is { } itself)
                backup = itself;
            else if (refusal is not null)
                backup = await source.Catalog.FindAsync(backup, cancellationToken); // its chain may be broken now
        }
        catch (BackupException failure)
        {
            throw NotPruned(source, backup, failure);
        }

        if (backup.State != BackupState.Good)
            throw await RefuseAsync(source, backup, cancellationToken);
        return refusal is null ? (backup, proven) : throw NotPruned(source, backup, refusal);
    }

    private async Task<IReadOnlyList<RetentionDecision>> PruneAsync(ProtectedSource source, Backup backup, CoverProof proven, CancellationToken cancellationToken)
    {
        try
        {
            var decisions = RetentionPolicy.Decide(proven.LaidOver(await source.Catalog.ListAsync(cancellationToken)), source.Retention, timeProvider.GetUtcNow(), source.Zone);
            if (decisions.All(decision => decision.Keep))
            {
                await Pruner.SettleAsync(source.Catalog, source.Remains, Sweepable, cancellationToken);
                return decisions;
            }

            // The run looked at the store when it began, perhaps hours ago: what somebody moved or damaged since then must not be why others go.
            var stored = proven.LaidOver(await source.Catalog.ListAgainAsync(cancellationToken));
            decisions = await RetentionDecisions.OfAsync(source, stored, timeProvider.GetUtcNow(), cancellationToken);
            await Pruner.ApplyAsync(source.Catalog, source.Remains, Sweepable, decisions, cancellationToken);
            return decisions;
        }
        catch (BackupException failure)
        {
            throw NotPruned(source, backup, failure);
        }
    }

    // Not to be tried again: the backup itself is there and good.
    private static BackupException NotPruned(ProtectedSource source, Backup backup, BackupException failure) => new(
        failure.Kind.IsTransient() ? FailureKind.StoreUnavailable : failure.Kind,
        $"backup '{source.Catalog.Locate(backup.File)}' is good, but expired ones could not be removed: {failure.Message}",
        failure.Hint,
        failure);

    /// <summary>What was begun before it and never finished is a crash's.</summary>
    private DateTimeOffset Sweepable => timeProvider.GetUtcNow() - OrphanGrace;

    private async Task RemoveAsync(ProtectedSource source, Backup backup, CancellationToken cancellationToken)
    {
        if (source.Remains is not { } remains || await remains.WhyKeepAsync(cancellationToken) is null) // else it goes when it expires
            await Pruner.RemoveAsync(source.Catalog, source.Remains, Sweepable, [backup], cancellationToken);
    }

    private async Task<BackupException> RefuseAsync(ProtectedSource source, Backup backup, CancellationToken cancellationToken)
    {
        var file = source.Catalog.Locate(backup.File);
        if (backup.HasBrokenChain)
        {
            return new BackupException(
                FailureKind.Verification,
                $"backup '{file}' does not count, because {backup.Objection}",
                $"{source.Catalog.Store.CheckDisk()}, then run nexus-backup backup --type full, as a running agent does within a minute");
        }

        if (backup.IsDamagedElsewhere)
        {
            // What it took over from a base is that one's damage: while the base counts as good, each increment would fail.
            foreach (var @base in backup.Bases.Reverse())
                await ReexamineAsync(source, @base, cancellationToken);
            return new BackupException(
                FailureKind.Verification,
                $"backup '{file}' does not count, because its snapshot is not whole: {backup.Objection}",
                $"see who changes or removes what lies there; {(backup.Bases.Count == 0 ? "then run nexus-backup backup again" : "then run nexus-backup backup --type full, as a running agent does within a minute")}");
        }

        if (!backup.ShowsCorruptSource)
        {
            return new BackupException(
                FailureKind.Verification,
                $"backup '{file}' failed verification and does not count: {backup.Objection}",
                $"{source.Catalog.Store.CheckDisk()}, then run nexus-backup backup again");
        }

        // The first capture since the damage shows how it began, the newest holds most; one a night between them would
        // fill the store that holds the good ones.
        var backups = await source.Catalog.ListAsync(cancellationToken);
        var damaged = backups
            .TakeWhile(other => other.State != BackupState.Good)
            .Where(other => other.Id != backup.Id && other.Schedule != BackupManifest.ManualSchedule && other.ShowsCorruptSource)
            .ToList();
        foreach (var between in damaged.SkipLast(1).Where(other => !backups.Any(above => above.Bases.Contains(other))))
            await RemoveAsync(source, between, cancellationToken);
        return new BackupException(
            FailureKind.SourceCorrupt,
            $"the {source.Source.Noun.English} of source '{source.Name}' is corrupt: {backup.Verification!.FirstFailure}",
            $"the older good backups are kept (nexus-backup list '{source.Name}'); '{file}' holds the damaged state for analysis and does not count");
    }

    private async Task ReexamineAsync(ProtectedSource source, Backup @base, CancellationToken cancellationToken)
    {
        try
        {
            await examiner.ExamineAsync(source, @base, progress: null, cancellationToken);
        }
        catch (BackupException)
        {
            // It can't be looked at now; the next run that fails for it, or the next verification, looks again.
        }
    }

    private sealed class StageWatch(TimeProvider timeProvider)
    {
        private long started = timeProvider.GetTimestamp();

        public Dictionary<RunStage, TimeSpan> Stages { get; } = [];

        public void Done(RunStage stage)
        {
            Stages[stage] = timeProvider.GetElapsedTime(started);
            started = timeProvider.GetTimestamp();
        }
    }
}

/// <summary>A backup run as it ended.</summary>
/// <param name="Operation">As the journal keeps it, with its failure.</param>
/// <param name="Type">What was asked for.</param>
/// <param name="Attempts">How many attempts it took; 0 when skipped.</param>
/// <param name="Outcome">What it made; null unless it succeeded.</param>
internal sealed record RunRecord(Operation Operation, BackupType Type, int Attempts, BackupOutcome? Outcome)
{
    public string Source => Operation.Source;

    public string Schedule => Operation.Schedule!;

    public DateTimeOffset StartedAt => Operation.StartedAt;

    public DateTimeOffset EndedAt => Operation.EndedAt!.Value;

    public RunResult Result => Operation.Result!.Value;

    public RunFailure? Failure => Operation.Failure;

    /// <summary>What it made: full where an increment was not possible. What was asked for when it made nothing.</summary>
    public BackupType TypeMade => Operation.Type!.Value;
}
