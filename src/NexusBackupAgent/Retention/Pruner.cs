using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Retention;

/// <summary>Does what was decided.</summary>
internal static class Pruner
{
    /// <summary>
    /// Removes what the decisions say: what builds on most goes first, so that an abort leaves every chain whole, and of those
    /// the oldest, so that it leaves the newer ones.
    /// </summary>
    /// <param name="remains">What the source keeps elsewhere; null: nothing.</param>
    /// <param name="before">Of what is kept elsewhere, what was begun before this instant and never committed goes too.</param>
    /// <returns>What was removed.</returns>
    public static async Task<IReadOnlyList<Backup>> ApplyAsync(
        BackupCatalog catalog, IRemains? remains, DateTimeOffset before, IReadOnlyList<RetentionDecision> decisions, CancellationToken cancellationToken)
    {
        Backup[] expired = [.. decisions
            .Where(decision => !decision.Keep)
            .Select(decision => decision.Backup)
            .OrderByDescending(backup => backup.Bases.Count)
            .ThenBy(backup => backup.CapturedAt)];
        await RemoveAsync(catalog, remains, before, expired, cancellationToken);
        return expired;
    }

    /// <summary>Removes backups with what is kept of them elsewhere: a crash in between leaves what the next <see cref="SettleAsync"/> removes.</summary>
    public static async Task RemoveAsync(BackupCatalog catalog, IRemains? remains, DateTimeOffset before, IReadOnlyCollection<Backup> backups, CancellationToken cancellationToken)
    {
        if (remains is not null && backups.Count > 0)
            await remains.ReleaseAsync([.. backups.Select(backup => backup.CapturedAt)], cancellationToken);
        await catalog.RemoveAsync(backups, cancellationToken);
        await SettleAsync(catalog, remains, before, cancellationToken);
    }

    /// <summary>Tells the source which backups there are, so that what none of them needs goes.</summary>
    public static async Task SettleAsync(BackupCatalog catalog, IRemains? remains, DateTimeOffset before, CancellationToken cancellationToken)
    {
        if (remains is not null)
            await remains.SettleAsync([.. (await catalog.ListAsync(cancellationToken)).Select(backup => backup.CapturedAt)], before, cancellationToken);
    }
}
