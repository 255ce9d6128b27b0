using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>Does what was decided.</summary>
internal static class Pruner
{
    /// <summary>Removes what the decisions say, oldest first, so that an abort leaves the newer ones.</summary>
    /// <returns>What was removed.</returns>
    public static async Task<IReadOnlyList<Backup>> ApplyAsync(
        BackupCatalog catalog, IReadOnlyList<RetentionDecision> decisions, CancellationToken cancellationToken)
    {
        var removed = new List<Backup>();
        foreach (var decision in decisions.Where(decision => !decision.Keep).OrderBy(decision => decision.Backup.CapturedAt))
        {
            await catalog.RemoveAsync(decision.Backup, cancellationToken);
            removed.Add(decision.Backup);
        }

        return removed;
    }
}
