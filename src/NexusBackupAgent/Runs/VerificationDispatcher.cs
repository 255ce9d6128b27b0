using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Runs;

/// <summary>The only door to the verification of a stored backup: takes the source's turn, keeps the time limit, counts the checks.</summary>
internal sealed partial class VerificationDispatcher(
    BackupVerifier verifier, SourceTurns turns, RunJournal journal, TimeProvider timeProvider, ILogger<VerificationDispatcher> logger)
{
    /// <summary>Verifies one backup under the source's lock and counts the checks.</summary>
    /// <exception cref="BackupException">The source is busy, or the backup could not be looked at.</exception>
    public async Task<Backup> VerifyAsync(
        ProtectedSource source, Backup backup, TimeSpan lockTimeout, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        using var turn = await turns.TakeAsync(source.Name, lockTimeout, cancellationToken) ?? throw SourceTurns.Busy(source.Name);
        using var limit = new CancellationTokenSource(source.TimeLimit, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await VerifyLockedAsync(source, backup, progress, either.Token);
        }
        catch (OperationCanceledException stopped) when (!cancellationToken.IsCancellationRequested)
        {
            throw new BackupException(
                FailureKind.TimedOut,
                $"the verification exceeded the time limit of {source.TimeLimit}",
                "see what is slow (iostat -x 1), or raise timeLimit",
                stopped);
        }
    }

    private async Task<Backup> VerifyLockedAsync(ProtectedSource source, Backup backup, IProgress<RunProgress>? progress, CancellationToken cancellationToken)
    {
        var report = progress is null ? null : new Progress<long>(done => progress.Report(new RunProgress(RunStage.Verify, done, backup.ActualLength)));
        var verified = await verifier.VerifyAsync(source.Source, source.Catalog, backup, report, cancellationToken);
        journal.RecordVerification(source.Name, verified.Verification!);
        if (verified.State == BackupState.Good)
            VerificationSucceeded(source.Name, backup.File);
        else
            VerificationFailed(source.Name, source.Catalog.Locate(backup.File), verified.Verification!.FirstFailure ?? "its size has changed");
        return verified;
    }

    [LoggerMessage(EventId = 1101, EventName = "verification_succeeded", Level = LogLevel.Information, Message = "verification of {Source} succeeded: {File}")]
    private partial void VerificationSucceeded(string source, string file);

    [LoggerMessage(EventId = 1102, EventName = "verification_failed", Level = LogLevel.Error, Message = "verification of {Source} failed: {File}: {Reason}")]
    private partial void VerificationFailed(string source, string file, string reason);
}
