using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Operations;

/// <summary>
/// The only door to the verification of a stored backup: takes the source's turn, keeps the time limit, sets aside what
/// is corrupt, writes the journal, tells the hooks.
/// </summary>
internal sealed partial class VerificationDispatcher(
    BackupExaminer examiner, SourceTurns turns, OperationJournal operations, HookRunner hooks, TimeProvider timeProvider, ILogger<VerificationDispatcher> logger)
{
    /// <summary>By source and file: the damage that the hooks were told of. What can't be set aside is read again each hour, and is news once.</summary>
    private readonly ConcurrentDictionary<(string Source, string File), (StoredFile Artifact, FailureKind Kind)> told = [];

    /// <summary>Verifies one backup under the source's lock.</summary>
    /// <returns>
    /// The backup as it is now: good, quarantined, or corrupt when it could not be set aside. When what it builds on is
    /// damaged, that is what journal and hooks are told of; when that was known before, nothing was read.
    /// </returns>
    /// <exception cref="BackupException">The source is busy, or the backup could not be looked at.</exception>
    public async Task<Backup> VerifyAsync(
        ProtectedSource source, Backup backup, TimeSpan lockTimeout, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var (news, verified, problem) = await InTurnAsync(source, backup, lockTimeout, progress, cancellationToken);
        foreach (var (operation, subject) in news.Where(told => IsNews(source, told.Operation, told.Subject)))
            await hooks.TellAsync(source, HookEvent.Of(HookOccasion.Verification, operation, subject), cancellationToken);
        problem?.Throw();
        return verified;
    }

    /// <summary>That one of many is still good, was pruned meanwhile, or is in the same trouble as before, is no news.</summary>
    private bool IsNews(ProtectedSource source, Operation operation, Backup verified)
    {
        var key = (source.Name, verified.File);
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

    /// <summary>Brings the companions of an artifact that was renamed alone after it, under the source's lock.</summary>
    /// <exception cref="BackupException">The source is busy, or the store refuses.</exception>
    public async Task GatherAsync(ProtectedSource source, Backup scattered, CancellationToken cancellationToken)
    {
        using var held = turns.TryHold(source.Name) ?? throw SourceTurns.Busy(source.Name);
        try
        {
            await source.Catalog.GatherAsync(scattered, cancellationToken);
        }
        catch (Exception failed) when (failed is not (OperationCanceledException or BackupException))
        {
            throw Foreseen(source, scattered, failed);
        }
    }

    /// <returns>What was found, also when the journal refuses to keep it; then, and when nothing could be found, the problem says so.</returns>
    private async Task<(IReadOnlyList<(Operation Operation, Backup Subject)> News, Backup Verified, ExceptionDispatchInfo? Problem)> InTurnAsync(
        ProtectedSource source, Backup backup, TimeSpan lockTimeout, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(source.Name, lockTimeout, cancellationToken) ?? throw SourceTurns.Busy(source.Name);
        var startedAt = timeProvider.GetUtcNow();
        Examination examined;
        try
        {
            examined = await turns.WithinTimeLimitAsync(
                source, "the verification", "iostat -x 1", token => examiner.ExamineChainAsync(source, backup, RunProgress.In(RunStage.Verify, backup.LengthToRead, progress), token), cancellationToken);
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            var failure = Foreseen(source, backup, failed);
            var (failedReading, _) = Record(OperationOf(source, backup, startedAt, $"{backup.File} could not be read back", RunFailure.Of(failure)));
            return ([(failedReading, backup)], backup, ExceptionDispatchInfo.Capture(failure));
        }

        var kept = WasRead(examined).Select(read => (Kept: Record(Report(source, read, startedAt)), Subject: read)).ToList();
        return ([.. kept.Select(news => (news.Kept.Operation, news.Subject))], examined.Backup, kept.Select(news => news.Kept.Unrecorded).FirstOrDefault(refusal => refusal is not null));
    }

    /// <summary>What there is to tell of: that a backup can't be restored for want of another one is no second news.</summary>
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

    private BackupException Foreseen(ProtectedSource source, Backup backup, Exception failure)
    {
        var file = source.Catalog.Locate(backup.File);
        switch (failure)
        {
            case BackupException known:
                return known;
            case var io when IoFailure.IsKnown(io):
                return IoFailure.Translate(io, $"verify '{file}'", source.Catalog.Locate(""));
            default:
                VerificationBroke(failure, source.Name, file); // the only place that still has the stack trace
                return new BackupException(FailureKind.Unexpected, $"verifying '{file}' failed: {failure.Message}", "run nexus-backup verify --verbose and report what it prints", failure);
        }
    }

    private Operation Report(ProtectedSource source, Backup verified, DateTimeOffset startedAt)
    {
        if (verified.NotRecorded is { } unkept)
            ResultNotKept(source.Name, source.Catalog.Locate(verified.File), unkept.Message, unkept.Hint);
        if (verified.Verification!.Passed)
        {
            VerificationSucceeded(source.Name, verified.File);
            return OperationOf(source, verified, startedAt, $"{verified.File} was read back and is good{BackupExaminer.UnkeptOf(verified)}", failure: null);
        }

        var (file, reason) = (source.Catalog.Locate(verified.File), BackupExaminer.ReasonOf(verified));
        VerificationFailed(source.Name, file, reason);
        return OperationOf(source, verified, startedAt, $"{verified.File} was read back and is corrupt: {reason}{BackupExaminer.UnkeptOf(verified)}", new RunFailure(
            FailureKind.Verification, $"backup '{file}' is corrupt: {reason}", $"make a new one: nexus-backup backup '{source.Name}'"));
    }

    private Operation OperationOf(ProtectedSource source, Backup backup, DateTimeOffset startedAt, string detail, RunFailure? failure) =>
        new(0, source.Name, OperationKind.Verification, startedAt, timeProvider.GetUtcNow(), backup.Id, detail, failure);

    /// <returns>The operation as it is kept, and what kept the journal from it: the hooks are told all the same.</returns>
    private (Operation Operation, ExceptionDispatchInfo? Unrecorded) Record(Operation operation)
    {
        try
        {
            return (operations.Record(operation), null);
        }
        catch (BackupException refused)
        {
            return (operation, ExceptionDispatchInfo.Capture(refused));
        }
    }

    [LoggerMessage(EventId = 1101, EventName = "verification_succeeded", Level = LogLevel.Information, Message = "verification of {Source} succeeded: {File}")]
    private partial void VerificationSucceeded(string source, string file);

    [LoggerMessage(EventId = 1102, EventName = "verification_failed", Level = LogLevel.Error, Message = "verification of {Source} failed: {File}: {Reason}")]
    private partial void VerificationFailed(string source, string file, string reason);

    [LoggerMessage(EventId = 1109, EventName = "verification_broke", Level = LogLevel.Error, Message = "verification of {Source}: {File}: unexpected error")]
    private partial void VerificationBroke(Exception exception, string source, string file);

    [LoggerMessage(EventId = 1110, EventName = "result_not_kept", Level = LogLevel.Warning, Message = "verification of {Source}: what reading {File} back showed counts, but can't be kept beside it: {Reason}. Next: {Hint}")]
    private partial void ResultNotKept(string source, string file, string reason, string hint);
}
