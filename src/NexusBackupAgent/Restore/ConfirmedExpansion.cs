using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Restore;

/// <summary>
/// Expands a backup, and once more when it seems damaged: one reading is no proof, memory, a cable or a network may have
/// erred once, and what it costs here is the newest data. Only damage that a second reading finds is recorded.
/// </summary>
internal sealed class ConfirmedExpansion(BackupVerifier verifier)
{
    /// <param name="file">An existing empty file, which nobody else uses; after a passed verification it holds the content.</param>
    /// <param name="doubted">Told what the first of two readings found, before the second begins.</param>
    /// <returns>The backup with what its last reading found.</returns>
    /// <exception cref="DamagedBaseException">Both readings found something damaged that it builds on.</exception>
    /// <exception cref="BackupException">It could not be looked at, or is gone.</exception>
    public async Task<Backup> RunAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, string file, IProgress<long>? progress, Action<string> doubted, CancellationToken cancellationToken)
    {
        if (await FirstAsync(source, catalog, backup, file, progress, doubted, cancellationToken) is { } passed)
            return passed;

        // From the list again: its manifest too may have been misread.
        var again = await catalog.FindAgainAsync(backup, cancellationToken);
        Empty(file);
        return await verifier.ExpandAsync(source, catalog, again, file, progress, recordsDamage: true, cancellationToken);
    }

    /// <returns>Null when it, or what it builds on, seems damaged; then nothing of that is recorded.</returns>
    private async Task<Backup?> FirstAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, string file, IProgress<long>? progress, Action<string> doubted, CancellationToken cancellationToken)
    {
        try
        {
            var first = await verifier.ExpandAsync(source, catalog, backup, file, progress, recordsDamage: false, cancellationToken);
            if (first.Verification is { Passed: true })
                return first;
            doubted(first.Verification?.FirstFailure ?? "its checks failed");
        }
        catch (DamagedBaseException found)
        {
            doubted(found.Message);
        }

        return null;
    }

    /// <summary>Makes room for the next reading.</summary>
    public static void Empty(string file) => new FileStream(file, FileMode.Truncate, FileAccess.Write).Dispose();
}
