using NexusBackupAgent.Common;

namespace NexusBackupAgent.Catalog;

/// <summary>Removes backups, and never one that another one builds on.</summary>
internal sealed class BackupRemoval(BackupCatalog catalog, SourceDirectory directory)
{
    /// <summary>Which artifacts are built on, and by how many directly.</summary>
    public async Task<Dictionary<string, int>> NeededAsync(CancellationToken cancellationToken)
    {
        var needed = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var backup in await catalog.ListAsync(cancellationToken))
        {
            if (backup.Bases.Count > 0)
                needed[backup.Bases[0].File] = needed.GetValueOrDefault(backup.Bases[0].File) + 1;
        }

        return needed;
    }

    /// <summary>Removes them in the order given.</summary>
    /// <exception cref="BackupException">Another one builds on one of them, or the store refuses.</exception>
    public async Task RemoveAsync(IReadOnlyCollection<Backup> backups, CancellationToken cancellationToken)
    {
        if (backups.Count == 0)
            return;
        var needed = await NeededAsync(cancellationToken);
        foreach (var backup in backups)
        {
            if (needed.GetValueOrDefault(backup.File) > 0)
                throw IsNeeded(backup);
            await RemoveAsync(backup, cancellationToken);
            if (backup.Bases.Count > 0)
                needed[backup.Bases[0].File] = needed.GetValueOrDefault(backup.Bases[0].File) - 1;
        }
    }

    private async Task RemoveAsync(Backup backup, CancellationToken cancellationToken)
    {
        if (backup.IsScattered)
            backup = await catalog.GatherAsync(backup, cancellationToken); // so that one set of names is deleted, where the store can rename
        IEnumerable<string> strays = backup.IsScattered ? directory.Formats.CompanionsOf(BackupFiles.OtherName(backup.File), backup.Manifest.PartNames) : [];
        try
        {
            foreach (var part in backup.Manifest.PartNames)
                await directory.MarkAsync(BackupFiles.Part(backup.File, part), cancellationToken);
            await directory.MarkAsync(backup.File, cancellationToken);
        }
        catch (BackupException full) when (full.Kind == FailureKind.StoreFull)
        {
            // Deleting is what makes room. Without the mark, a crash before the artifact is gone leaves a full one as a file
            // that is adopted as a manual backup, and an increment as one that is reported: nothing is lost by that.
        }

        await directory.DeleteAsync([.. strays, .. directory.Formats.AllOf(backup.File, backup.Manifest.PartNames)], cancellationToken);
    }

    private BackupException IsNeeded(Backup backup) => new(
        FailureKind.StoreUnavailable,
        $"'{directory.Describe(backup.File)}' is not removed, because another backup builds on it",
        $"remove what builds on it first: nexus-backup list '{backup.Source}' --json | jq '.[] | select(.base == \"{backup.Id}\")'");
}
