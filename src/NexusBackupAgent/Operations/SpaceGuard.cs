using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Operations;

/// <summary>Refuses a run that the store or the scratch space can't take, before anything is written.</summary>
/// <param name="scratch">Where verification expands the content.</param>
internal sealed class SpaceGuard(ScratchDirectory scratch)
{
    // The next artifact is a little larger than the last; the companions are tiny.
    private const double Growth = 1.1;
    private const long Companions = 1 << 20;

    /// <param name="newestFirst">The source's backups.</param>
    /// <param name="type">Of the next one: those of its own type tell what it will take.</param>
    /// <returns>Bytes that the next one will take in the store.</returns>
    public static long Estimate(IReadOnlyList<Backup> newestFirst, BackupType type) =>
        newestFirst.FirstOrDefault(backup => backup.Manifest.IsCommitted && backup.Manifest.Type == type) is { } last
            ? (long)(last.Manifest.StoredLength * Growth) + Companions
            : Companions;

    /// <param name="catalog">Whose store is asked, and whose newest backup of that type is the estimate.</param>
    /// <param name="type">Of the backup that will be made.</param>
    /// <param name="scratchNeeded">Bytes of scratch space that its check needs.</param>
    /// <exception cref="BackupException">There is no room (exit code 8).</exception>
    public async Task RequireAsync(BackupCatalog catalog, BackupType type, long scratchNeeded, CancellationToken cancellationToken)
    {
        var estimate = Estimate(await catalog.ListAsync(cancellationToken), type);
        var health = await catalog.Store.GetHealthAsync(cancellationToken);
        if (health.Down is { } down)
            throw down;
        if (health.Space is { } space && space.Available < estimate)
        {
            var howFull = catalog.Store.Inspection.CommandFor(StoreQuestion.HowFull, catalog.PathOf("")) is { } command ? $" ({command})" : "";
            throw new BackupException(
                FailureKind.StoreFull,
                $"store '{catalog.Store.Name}' has {ByteCount.Text(space.Available)} available and the backup needs about {ByteCount.Text(estimate)}",
                $"free space there{howFull}; nexus-backup prune --dry-run shows what retention would remove; then run the backup again");
        }

        if (scratchNeeded > 0)
            scratch.RequireRoom(scratchNeeded);
    }
}
