using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads stored backups back as a source's <c>verify</c> schedule says, and journals each round.</summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed partial class VerificationRounds(
    VerifyOperation verifications, ReplacementOperation replacements, OperationJournal journal, TimeZoneInfo zone, TimeProvider timeProvider, ILogger<VerificationRounds> logger)
{
    /// <summary>One round. A backup that can't be read keeps no other waiting.</summary>
    /// <exception cref="BackupException">The store can't be listed, or another process kept the source busy; that is journalled as well.</exception>
    public async Task RunAsync(ScheduledSource scheduled, CancellationToken cancellationToken)
    {
        var (source, verify, startedAt) = (scheduled.Source, scheduled.Verify!, timeProvider.GetUtcNow());
        var tally = new Tally(source);
        try
        {
            var backups = await source.Catalog.ListAsync(cancellationToken);
            var chosen = VerificationRound.Choose(backups, startedAt, verify.Cron.GetNextOccurrence(startedAt, zone), verify.Spread);
            tally.Of = backups.Count(backup => backup.State != BackupState.Quarantined);
            foreach (var backup in chosen)
                await VerifyAsync(source, backup, tally, cancellationToken);
            foreach (var copy in source.Copies)
                await VerifyCopiesAsync(source.In(copy), verify, startedAt, tally, cancellationToken);
            if (tally.Failure is not null)
                await replacements.RunIfDueAsync(source, TimeSpan.Zero, progress: null, cancellationToken); // at once; a busy source gets it at the next upkeep
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            tally.Add(failure as BackupException ?? new BackupException(
                FailureKind.Unexpected, $"verifying the backups of '{source.Name}' failed: {failure.Message}", $"run nexus-backup verify '{source.Name}' --all --verbose and report what it prints", failure));
            throw;
        }
        finally
        {
            // A round that was stopped is no round, and is caught up on.
            if (!cancellationToken.IsCancellationRequested)
                Record(tally, startedAt);
        }
    }

    /// <summary>What is corrupt there is copied anew within the hour. A store that is away, or being copied to, is left out: its copying tells.</summary>
    private async Task VerifyCopiesAsync(ProtectedSource there, VerifySchedule verify, DateTimeOffset startedAt, Tally tally, CancellationToken cancellationToken)
    {
        try
        {
            var copies = await there.Catalog.ListAsync(cancellationToken);
            tally.Of += copies.Count(backup => backup.State != BackupState.Quarantined);
            foreach (var copy in VerificationRound.Choose(copies, startedAt, verify.Cron.GetNextOccurrence(startedAt, zone), verify.Spread))
                tally.Add(await verifications.VerifyAsync(there, copy, TimeSpan.Zero, progress: null, cancellationToken));
        }
        catch (BackupException left) when (left.Kind is not (FailureKind.Journal or FailureKind.StateFull))
        {
            ReadingFailed(there.Name, there.Catalog.Locate(""), left.Message, left.Hint);
        }
    }

    private async Task VerifyAsync(ProtectedSource source, Backup backup, Tally tally, CancellationToken cancellationToken)
    {
        try
        {
            tally.Add(await verifications.VerifyAsync(source, backup, source.TimeLimit, progress: null, cancellationToken));
        }
        catch (BackupException gone) when (gone.Kind == FailureKind.NotFound)
        {
            // Pruned, or removed by hand, since the round began.
        }
        catch (BackupException failure) when (failure.Kind is not (FailureKind.Locked or FailureKind.Journal or FailureKind.StateFull))
        {
            tally.Add(failure);
            ReadingFailed(source.Name, source.Catalog.Locate(backup.File), failure.Message, failure.Hint);
        }
    }

    private void Record(Tally tally, DateTimeOffset startedAt)
    {
        journal.Record(new Operation(
            0, tally.Source.Name, OperationKind.VerificationRound, startedAt, timeProvider.GetUtcNow(), Backup: null, tally.ToString(), tally.Failure));
        RoundEnded(tally.Source.Name, tally.ToString());
    }

    [LoggerMessage(EventId = 2009, EventName = "verification_round_ended", Level = LogLevel.Information, Message = "backup verification of {Source}: {Result}")]
    private partial void RoundEnded(string source, string result);

    [LoggerMessage(EventId = 2010, EventName = "reading_failed", Level = LogLevel.Error, Message = "backup verification of {Source}: {File} could not be read back and is tried again in the next round: {Reason}. Next: {Hint}")]
    private partial void ReadingFailed(string source, string file, string reason, string hint);

    /// <summary>What a round did so far.</summary>
    private sealed class Tally(ProtectedSource source)
    {
        private readonly List<string> corrupt = [];
        private int read;
        private int unread;
        private int unrestorable;

        public ProtectedSource Source => source;

        /// <summary>How many backups there are.</summary>
        public int Of { get; set; }

        /// <summary>The first thing that went wrong; null when nothing did.</summary>
        public RunFailure? Failure { get; private set; }

        public void Add(Backup verified)
        {
            if (verified.HasBrokenChain)
                unrestorable++;
            else
                read++;
            if (verified.State == BackupState.Good)
                return;
            if (!verified.HasBrokenChain)
                corrupt.Add(verified.File);
            Failure ??= new RunFailure(
                FailureKind.Verification,
                $"backup '{source.Catalog.Locate(verified.File)}' {(verified.HasBrokenChain ? "cannot be restored" : "is corrupt")}: {verified.Objection}",
                $"see what is good (nexus-backup list '{source.Name}'), and {source.Catalog.Store.CheckDisk()}");
        }

        public void Add(BackupException failure)
        {
            unread++;
            Failure ??= RunFailure.Of(failure);
        }

        public override string ToString() => $"{read} of {Of} backups read back, {(corrupt.Count == 0 ? "none corrupt" : $"{corrupt.Count} corrupt ({string.Join(", ", corrupt)})")}"
            + (unread == 0 ? "" : $", {unread} could not be read")
            + (unrestorable == 0 ? "" : $", {unrestorable} can't be restored because {(unrestorable == 1 ? "its base is" : "their bases are")} missing or damaged");
    }
}
