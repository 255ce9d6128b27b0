using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>Does what was decided.</summary>
internal static class Pruner
{
    /// <summary>
    /// Removes what the decisions say: what builds on most goes first, so that an abort leaves every chain whole, and of those
    /// the oldest, so that it leaves the newer ones.
    /// </summary>
    /// <returns>What was removed.</returns>
    public static async Task<IReadOnlyList<Backup>> ApplyAsync(
        BackupCatalog catalog, IReadOnlyList<RetentionDecision> decisions, CancellationToken cancellationToken)
    {
        Backup[] expired = [.. decisions
            .Where(decision => !decision.Keep)
            .Select(decision => decision.Backup)
            .OrderByDescending(backup => backup.Bases.Count)
            .ThenBy(backup => backup.CapturedAt)];
        await catalog.RemoveAsync(expired, cancellationToken);
        return expired;
    }
}
