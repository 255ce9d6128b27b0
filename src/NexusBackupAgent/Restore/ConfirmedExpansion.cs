using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>
/// Prepares a restore, and once more when the backup seems damaged: one reading is no proof, memory, a cable or a network may
/// have erred once, and what it costs here is the newest data. Only damage that a second reading finds is recorded.
/// </summary>
internal sealed class ConfirmedExpansion(BackupVerifier verifier)
{
    /// <param name="instant">Which later state of it is wanted; null: its own.</param>
    /// <param name="doubted">Told what the first of two readings found, before the second begins.</param>
    /// <returns>The backup with what its last reading found, and what is prepared; null when there was nothing to prepare it from.</returns>
    /// <exception cref="DamagedBaseException">Both readings found something damaged that it builds on.</exception>
    /// <exception cref="BackupException">It could not be looked at, or is gone.</exception>
    public async Task<(Backup Backup, IPreparedRestore? Prepared)> RunAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, IRestoreTarget target, LaterInstant? instant, IProgress<long>? progress, Action<string> doubted, CancellationToken cancellationToken)
    {
        try
        {
            var (first, prepared) = await verifier.PrepareAsync(source, catalog, backup, target, instant, progress, recordsDamage: false, cancellationToken);
            if (first.Verification is { Passed: true })
                return (first, prepared);
            if (prepared is not null)
                await prepared.DisposeAsync();
            doubted(first.Verification?.FirstFailure ?? "its checks failed");
        }
        catch (DamagedBaseException found)
        {
            doubted(found.Message);
        }

        // From the list again: its manifest too may have been misread.
        var again = await catalog.FindAgainAsync(backup, cancellationToken);
        return await verifier.PrepareAsync(source, catalog, again, target, instant, progress, recordsDamage: true, cancellationToken);
    }
}
