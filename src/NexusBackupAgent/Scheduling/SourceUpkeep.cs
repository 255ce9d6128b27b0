using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Scheduling;

/// <summary>
/// What nobody scheduled: closes runs whose process died, verifies what was never read back, such as files that somebody
/// put into a store, and what is known to be corrupt and was not set aside, and replaces what was. Called once a minute
/// for each source, never twice at once for the same one.
/// </summary>
internal sealed partial class SourceUpkeep(
    BackupOperation backups, VerifyOperation verifications, ReplacementOperation replacements, TimeProvider timeProvider, ILogger logger)
{
    // A file that grows is still being written.
    private static readonly TimeSpan HandMadeSettles = TimeSpan.FromMinutes(1);

    // What kept a backup from being read (a full scratch space, a bad disk) rarely passes within a minute, and each try
    // may read and write all of it.
    private static readonly TimeSpan BackOff = TimeSpan.FromHours(1);

    /// <summary>By source, then by file: what could not be looked at, or not be set aside.</summary>
    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, FailedTry>> failed = new(StringComparer.Ordinal);

    /// <exception cref="BackupException">The source is busy, or its store or the journal can't be used.</exception>
    /// <returns>The backups that were there before.</returns>
    public async Task<IReadOnlyList<Backup>> LookAfterAsync(ProtectedSource source, CancellationToken cancellationToken)
    {
        backups.CloseAbandoned(source.Name);
        var stored = await source.Catalog.ListAsync(cancellationToken);
        await SettleAsync(source, stored, cancellationToken);
        await replacements.RunIfDueAsync(source, TimeSpan.Zero, progress: null, cancellationToken);
        return stored;
    }

    private async Task SettleAsync(ProtectedSource source, IReadOnlyList<Backup> backups, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var open = backups.Where(backup => !backup.AwaitsKey).Where(backup =>
            backup.IsScattered || WasFoundCorrupt(backup) || (backup.State is BackupState.Unverified or BackupState.Corrupt && now - backup.Artifact.ModifiedAt >= HandMadeSettles));
        var before = failed.GetValueOrDefault(source.Name);
        var still = new Dictionary<string, FailedTry>(StringComparer.Ordinal); // forgets what is gone or was verified elsewhere
        try
        {
            foreach (var backup in open)
            {
                if (before?.GetValueOrDefault(backup.File) is { } last && IsTooSoon(last, backup))
                    still[backup.File] = last;
                else if (!await TrySettleAsync(source, backup, cancellationToken))
                    still[backup.File] = new FailedTry(backup.ActualLength, backup.Artifact.ModifiedAt, timeProvider.GetTimestamp());
            }
        }
        catch
        {
            // The round was not finished, so what it did not come to is still as it was.
            foreach (var (file, last) in before ?? still)
                still.TryAdd(file, last);
            throw;
        }
        finally
        {
            failed[source.Name] = still;
        }
    }

    /// <summary>By a reading of what lies there now, such as a restore's: that it changed a moment ago is no sign of somebody still writing it.</summary>
    private static bool WasFoundCorrupt(Backup backup) =>
        backup is { State: BackupState.Corrupt, Verification.Passed: false } && backup.Verification.VerifiedAt >= backup.Artifact.ModifiedAt;

    private bool IsTooSoon(FailedTry last, Backup backup) =>
        last.Length == backup.ActualLength && last.ModifiedAt == backup.Artifact.ModifiedAt && timeProvider.GetElapsedTime(last.Timestamp) < BackOff;

    /// <returns>False when the backup could not be looked at, or not be set aside, or the result not be kept; that is logged.</returns>
    private async Task<bool> TrySettleAsync(ProtectedSource source, Backup backup, CancellationToken cancellationToken)
    {
        try
        {
            if (backup is { IsScattered: true, State: BackupState.Quarantined or BackupState.Good })
            {
                await verifications.GatherAsync(source, backup, cancellationToken);
                return true;
            }

            var verified = await verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, cancellationToken);
            return verified is { State: not BackupState.Corrupt, NotRecorded: null }; // a result that is not kept would be sought again each minute
        }
        catch (BackupException failure) when (failure.Kind != FailureKind.Locked) // whatever else an operation meets, it tells as such
        {
            VerificationImpossible(source.Name, source.Catalog.Locate(backup.File), failure.Message, failure.Hint);
            return false;
        }
    }

    /// <param name="Length">Of the artifact then, in bytes.</param>
    /// <param name="ModifiedAt">Of the artifact then.</param>
    /// <param name="Timestamp">When it was tried, on the clock that nobody sets.</param>
    private sealed record FailedTry(long Length, DateTimeOffset ModifiedAt, long Timestamp);

    [LoggerMessage(EventId = 2007, EventName = "verification_impossible", Level = LogLevel.Error, Message = "backup scheduler, {Source}: {File} could not be verified and is tried again in an hour, or when it changes: {Reason}. Next: {Hint}")]
    private partial void VerificationImpossible(string source, string file, string reason, string hint);
}
