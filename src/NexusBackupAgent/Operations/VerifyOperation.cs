using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Operations;

/// <summary>What a reading of stored bytes showed.</summary>
/// <param name="Readings">Of each backup whose reading came to an end, in order.</param>
/// <param name="Problem">Why the others were not read, or why the journal does not have it; null when all went well.</param>
internal sealed record StoredReadings(IReadOnlyList<StoredReading> Readings, BackupException? Problem);

/// <summary>Reads a stored backup back, and sets aside what is corrupt.</summary>
internal sealed partial class VerifyOperation(OperationRunner runner, BackupExaminer examiner, OperationJournal journal, TimeProvider timeProvider, ILogger<VerifyOperation> logger)
{
    /// <summary>Whoever waits for a source looks once in that time at least.</summary>
    private static readonly TimeSpan BetweenTurns = RunLock.Poll * 2;

    /// <summary>By source and file: the damage that the hooks were told of. What can't be set aside is read again each hour, and is news once.</summary>
    private readonly ConcurrentDictionary<(string Source, string File), (StoredFile Artifact, FailureKind Kind)> told = [];

    /// <summary>Verifies one backup in the source's turn.</summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for.</param>
    /// <returns>
    /// The backup as it is now: good, quarantined, or corrupt when it could not be set aside. When what it builds on is
    /// damaged, that is what journal and hooks are told of; when that was known before, nothing was read.
    /// </returns>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    /// <exception cref="BackupException">The source is busy, or the backup could not be looked at.</exception>
    public Task<Backup> VerifyAsync(
        ProtectedSource source, Backup backup, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Asker? asker = null) =>
        runner.InTurnAsync(source, patience, () => ReadBackAsync(source, backup, progress, asker, cancellationToken), cancellationToken);

    /// <summary>
    /// Reads the stored bytes of a source's backups alone, in many short turns with a time limit each: what else is due waits for none of
    /// them long. What is not shown to be as it was stored, <see cref="VerifyAsync"/> has to judge.
    /// </summary>
    /// <param name="patience">How long another operation of the source that is under way is waited for at first; one that began since is waited for as long as it may take.</param>
    /// <param name="asker">Who asked for it; null: nobody.</param>
    /// <returns>What was found, whatever else failed: damage is told also when the journal can't be written.</returns>
    public async Task<StoredReadings> ReadStoredAsync(
        ProtectedSource source, IReadOnlyList<Backup> backups, TimeSpan patience, IProgress<RunProgress>? progress, CancellationToken cancellationToken, Asker? asker = null)
    {
        var startedAt = runner.Now;
        var reading = new StoredBytes(source.Source, source.StoreOption, backups, RunProgress.In(RunStage.Verify, StoredBytes.LengthOf(backups), progress), timeProvider);
        BackupException? problem = null;
        BackupCatalog? catalog = null;
        while (reading.Left is > 0 and var left)
        {
            try
            {
                await runner.InTurnAsync(source, patience, () => ReadStintAsync(source, async token => await reading.ReadAsync(catalog ??= await source.Catalog.OpenAsync(token), token), cancellationToken), cancellationToken);
            }
            catch (BackupException failure)
            {
                problem ??= failure;
                if (failure.Kind != FailureKind.TimedOut || reading.Left == left)
                    break; // otherwise one file took too long, and leaves time for the others
            }

            patience = source.TimeLimit;
            if (reading.Left > 0)
                await Task.Delay(BetweenTurns, timeProvider, cancellationToken);
        }

        var readings = reading.Readings();
        var unrecorded = KeepRead(source, readings, startedAt, asker, problem);
        return new StoredReadings(readings, problem ?? unrecorded);
    }

    /// <summary>Brings the companions of an artifact that was renamed alone after it, under the source's lock.</summary>
    /// <exception cref="BackupException">The source is busy, or the store refuses.</exception>
    public async Task GatherAsync(ProtectedSource source, Backup scattered, CancellationToken cancellationToken)
    {
        using var held = runner.Turns.TryHold(source.Turn) ?? throw runner.Turns.Busy(source);
        try
        {
            await source.Catalog.GatherAsync(scattered, cancellationToken);
        }
        catch (Exception failed) when (failed is not (OperationCanceledException or BackupException))
        {
            throw OperationRunner.Foreseen(failed, WordsOf(source, scattered), broke => VerificationBroke(broke, source.Name, source.Catalog.Locate(scattered.File)));
        }
    }

    /// <summary>Looks for what was stored and is gone, as far as no verification told of it before.</summary>
    /// <exception cref="BackupException">The store or the journal can't be read.</exception>
    public async Task<LostBackups> FindLostAsync(ProtectedSource source, CancellationToken cancellationToken) =>
        (await LookForLostAsync(source, evenTold: false, cancellationToken)).Lost;

    private async Task<(LostBackups Lost, bool IsAnyLeft)> LookForLostAsync(ProtectedSource source, bool evenTold, CancellationToken cancellationToken)
    {
        var made = journal.Made(source.Name, evenTold);
        var (backups, orphans) = await source.Catalog.ListWithOrphansAsync(cancellationToken);
        return (LostBackups.Find(source, journal, made, backups, orphans, runner.Now), backups.Count > 0);
    }

    /// <summary>Keeps in the journal that somebody stands for it that backups of which nothing is left were deleted: nothing tells of them any more.</summary>
    /// <returns>The runs that made them.</returns>
    /// <exception cref="BackupException">No backup is left, as where the store is another one or its disk is not mounted; or the store or the journal can't be used.</exception>
    public async Task<IReadOnlyList<Operation>> AcceptLostAsync(ProtectedSource source, Asker asker, CancellationToken cancellationToken)
    {
        var (lost, isAnyLeft) = await LookForLostAsync(source, evenTold: true, cancellationToken);
        if (lost.Whole.Count > 0 && !isAnyLeft)
        {
            throw new BackupException(
                FailureKind.NotFound,
                $"no backup of '{source.Name}' is left in '{source.Catalog.Locate("")}', as where the store is another one or its disk is not mounted: nothing is accepted",
                $"{source.Catalog.Store.Inspection.Emptied.Mend}; if all were deleted on purpose, {source.MakeNew}, and accept the loss of the others then");
        }

        foreach (var run in lost.Whole)
        {
            journal.Record(Operation.Begun(source.Name, OperationKind.Acceptance, runner.Now, $"backup {run.Backup} is gone from the store, and that is accepted") with { EndedAt = runner.Now, Backup = run.Backup, Asker = asker });
            LossAccepted(source.Name, run.Backup!.Value.Value, asker.User);
        }

        return lost.Whole;
    }

    /// <summary>Keeps in the journal that a verification told of backups of which nothing is left: it tells once. What looks at the source goes on.</summary>
    public void NoteLost(ProtectedSource source, LostBackups lost)
    {
        foreach (var run in lost.Whole)
        {
            Lost(source.Name, run.Backup!.Value.Value);
            journal.Record(new Operation(
                0, source.Name, OperationKind.Verification, runner.Now, runner.Now, run.Backup, $"backup {run.Backup} is gone from the store",
                new RunFailure(FailureKind.NotFound, $"backup {run.Backup} of '{source.Name}' is gone from the store", "find out who deleted it; a copy of the store may have it")));
        }
    }

    /// <returns>What was found, also when the journal refuses to keep it; then, and when nothing could be found, the problem says so.</returns>
    private async Task<TurnEnd<Backup>> ReadBackAsync(ProtectedSource source, Backup backup, IProgress<RunProgress>? progress, Asker? asker, CancellationToken cancellationToken)
    {
        var startedAt = runner.Now;
        Examination examined;
        try
        {
            examined = await runner.WithinLimitAsync(
                source,
                WordsOf(source, backup),
                async token => await examiner.ExamineChainAsync(await source.OpenAsync(token), backup, RunProgress.In(RunStage.Verify, backup.LengthToRead, progress), token),
                broke => VerificationBroke(broke, source.Name, source.Catalog.Locate(backup.File)),
                cancellationToken);
        }
        catch (BackupException failure)
        {
            var (unread, _) = Record(OperationOf(source, backup, startedAt, $"{backup.File} could not be read back", RunFailure.Of(failure)) with { Asker = asker });
            return EndOf(source, backup, [(unread, backup)]) with { Problem = ExceptionDispatchInfo.Capture(failure) };
        }

        var kept = WasRead(examined).Select(read => (Kept: Record(Report(source, read, startedAt) with { Asker = asker }), Subject: read)).ToList();
        return EndOf(source, examined.Backup, [.. kept.Select(read => (read.Kept.Operation, read.Subject))]) with
        {
            Problem = kept.Select(read => read.Kept.Unrecorded).FirstOrDefault(refusal => refusal is not null),
        };
    }

    private Task<TurnEnd<bool>> ReadStintAsync(ProtectedSource source, Func<CancellationToken, Task> read, CancellationToken cancellationToken)
    {
        var place = source.Catalog.Locate("");
        return runner.WithinLimitAsync(
            source,
            new OperationWords("the reading of stored bytes", $"read what is stored in '{place}'", $"reading what is stored in '{place}'", "nexus-backup verify", place),
            async token =>
            {
                await read(token);
                return new TurnEnd<bool>(true);
            },
            broke => VerificationBroke(broke, source.Name, place),
            cancellationToken);
    }

    /// <summary>Keeps one entry of all that is as it was stored; what is not gets entries of its own from its verification.</summary>
    /// <param name="problem">Why others were not read; null: all were.</param>
    /// <returns>Why the journal does not have it; null when it does, or nothing was read.</returns>
    private BackupException? KeepRead(ProtectedSource source, IReadOnlyList<StoredReading> readings, DateTimeOffset startedAt, Asker? asker, BackupException? problem)
    {
        var sound = readings.Where(read => read.Result is not null).Select(read => read.Backup).ToList();
        if (sound.Count == 0)
            return null;
        foreach (var read in readings)
        {
            if (read.Result is { } shown)
                journal.Count(source.Name, shown);
        }

        var what = $"{(sound.Count == 1 ? "1 backup is" : $"{sound.Count} backups are")} in the store as stored: {StoredBytes.TextOf(sound)}";
        StoredBytesRead(source.Name, what);
        return Record(new Operation(0, source.Name, OperationKind.Verification, startedAt, runner.Now, Backup: null, what, problem is null ? null : RunFailure.Of(problem))
        {
            Store = source.CopyStore,
            StoredBytes = StoredBytes.LengthOf(sound),
            Asker = asker,
        }).Unrecorded?.SourceException as BackupException;
    }

    private TurnEnd<Backup> EndOf(ProtectedSource source, Backup verified, IReadOnlyList<(Operation Operation, Backup Subject)> read) =>
        new(verified, [.. read.Where(each => IsNews(each.Operation, each.Subject)).Select(each => OperationRunner.News(source, each.Operation, each.Subject))]);

    /// <summary>Hooks hear of new damage only.</summary>
    private bool IsNews(Operation operation, Backup verified)
    {
        var key = (operation.Source, verified.File);
        if (operation.Failure is not { Kind: var kind and not FailureKind.NotFound })
        {
            told.TryRemove(key, out _);
            return false;
        }

        var trouble = (verified.Artifact, kind);
        var isNew = !told.TryGetValue(key, out var before) || before != trouble;
        told[key] = trouble;
        return isNew;
    }

    /// <summary>The backups to report; one that only lacks its base is not among them.</summary>
    private static IEnumerable<Backup> WasRead(Examination examined)
    {
        for (var @base = examined.Base; @base is not null; @base = @base.Base)
        {
            if (@base.Backup.State != BackupState.Good && !@base.Backup.HasBrokenChain)
                yield return @base.Backup;
        }

        if (!examined.Backup.HasBrokenChain)
            yield return examined.Backup;
    }

    private static OperationWords WordsOf(ProtectedSource source, Backup backup)
    {
        var file = source.Catalog.Locate(backup.File);
        return new OperationWords("the verification", $"verify '{file}'", $"verifying '{file}'", "nexus-backup verify", source.Catalog.Locate(""));
    }

    private Operation Report(ProtectedSource source, Backup verified, DateTimeOffset startedAt)
    {
        if (verified.NotRecorded is { } unkept)
            ResultNotKept(source.Name, source.Catalog.Locate(verified.File), unkept.Message, unkept.Hint);
        foreach (var trouble in verified.Troubles)
            SidecarDamaged(source.Name, source.Catalog.Locate(trouble.File), trouble.Reason, trouble.Remedy);
        if (verified.Verification!.Passed)
        {
            VerificationSucceeded(source.Name, verified.File);
            return OperationOf(source, verified, startedAt, $"{verified.File} was read back and is good{BackupExaminer.UnkeptOf(verified)}", failure: null);
        }

        var (file, reason) = (source.Catalog.Locate(verified.File), verified.Objection);
        VerificationFailed(source.Name, file, reason);
        return OperationOf(source, verified, startedAt, $"{verified.File} was read back and is corrupt: {reason}{BackupExaminer.UnkeptOf(verified)}", new RunFailure(
            FailureKind.Verification, $"backup '{file}' is corrupt: {reason}", source.MakeNew));
    }

    private Operation OperationOf(ProtectedSource source, Backup backup, DateTimeOffset startedAt, string detail, RunFailure? failure) =>
        new(0, source.Name, OperationKind.Verification, startedAt, runner.Now, backup.Id, detail, failure) { Store = source.CopyStore };

    /// <returns>The operation as it is kept, and what kept the journal from it: the hooks are told all the same.</returns>
    private (Operation Operation, ExceptionDispatchInfo? Unrecorded) Record(Operation operation)
    {
        try
        {
            return (journal.Record(operation), null);
        }
        catch (BackupException refused)
        {
            return (operation, ExceptionDispatchInfo.Capture(refused));
        }
    }

    [LoggerMessage(EventId = 1101, EventName = "verification_succeeded", Level = LogLevel.Information, Message = "verification of {Source} succeeded: {File}")]
    private partial void VerificationSucceeded(string source, string file);

    [LoggerMessage(EventId = 1121, EventName = "stored_bytes_read", Level = LogLevel.Information, Message = "reading of stored bytes of {Source}: {What}")]
    private partial void StoredBytesRead(string source, string what);

    [LoggerMessage(EventId = 1102, EventName = "verification_failed", Level = LogLevel.Error, Message = "verification of {Source} failed: {File}: {Reason}")]
    private partial void VerificationFailed(string source, string file, string reason);

    [LoggerMessage(EventId = 1109, EventName = "verification_broke", Level = LogLevel.Error, Message = "verification of {Source}: {File}: unexpected error")]
    private partial void VerificationBroke(Exception exception, string source, string file);

    [LoggerMessage(EventId = 1119, EventName = "sidecar_damaged", Level = LogLevel.Warning, Message = "verification of {Source}: {File}, beside a backup, is not what it should be: {Reason}. Next: {Hint}")]
    private partial void SidecarDamaged(string source, string file, string reason, string hint);

    [LoggerMessage(EventId = 1120, EventName = "backup_lost", Level = LogLevel.Error, Message = "verification of {Source}: backup {Backup} is gone from the store, and retention did not remove it. Next: find out who deleted it; a copy of the store may have it")]
    private partial void Lost(string source, string backup);

    [LoggerMessage(EventId = 1122, EventName = "loss_accepted", Level = LogLevel.Information, Message = "{Source}: backup {Backup} is gone from the store, and {User} accepted that")]
    private partial void LossAccepted(string source, string backup, string user);

    [LoggerMessage(EventId = 1110, EventName = "result_not_kept", Level = LogLevel.Warning, Message = "verification of {Source}: what reading {File} back showed counts, but can't be kept beside it: {Reason}. Next: {Hint}")]
    private partial void ResultNotKept(string source, string file, string reason, string hint);
}
