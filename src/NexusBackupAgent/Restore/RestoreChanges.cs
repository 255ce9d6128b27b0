using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>What a restore would change, file by file.</summary>
/// <param name="First">As many as were asked for, in the order of their names.</param>
/// <param name="Added">How many there are in all; likewise the others.</param>
internal sealed record RestoreChanges(IReadOnlyList<RestoreChange> First, int Added, int Changed, int Deleted)
{
    public int LeftOff => Added + Changed + Deleted - First.Count;

    /// <returns>Null: the source is replaced as a whole.</returns>
    /// <exception cref="BackupException">It can't be found out.</exception>
    public static async Task<RestoreChanges?> ReadAsync(RestorePreview preview, int most, CancellationToken cancellationToken)
    {
        var backup = preview.Chosen.Backup;
        if (preview.Target.ChangesAsync(CatalogLink.ChainOf(preview.ChosenCatalog, backup, isJudged: false, progress: null), cancellationToken) is not { } changes)
            return null;
        var (first, counts) = (new List<RestoreChange>(), new int[3]);
        await foreach (var change in BackupContents.Guard(changes, backup))
        {
            counts[(int)change.Kind]++;
            if (first.Count < most)
                first.Add(change);
        }

        return new RestoreChanges(first, counts[(int)ChangeKind.Add], counts[(int)ChangeKind.Change], counts[(int)ChangeKind.Delete]);
    }
}

/// <summary>What is in a backup, file by file.</summary>
internal static class BackupContents
{
    /// <param name="pattern">A file, a directory, or a pattern; null: all.</param>
    /// <exception cref="BackupException">Its kind knows no files, the pattern is none, or it is damaged.</exception>
    public static IAsyncEnumerable<CapturedFile> Read(IBackupSource source, BackupCatalog catalog, Backup backup, string? pattern, CancellationToken cancellationToken) => source.HasFiles
        ? Guard(source.FilesAsync(CatalogLink.ChainOf(catalog, backup, isJudged: false, progress: null).Tip, pattern, cancellationToken), backup)
        : throw new BackupException(
            FailureKind.Configuration, $"{backup.File} is of a {source.Noun.English}, which is restored whole: there are no files in it to list", "restore it to another place and look at it there (nexus-backup restore --to)");

    /// <summary>Damage as an operator is told of it.</summary>
    public static async IAsyncEnumerable<T> Guard<T>(IAsyncEnumerable<T> files, Backup backup)
    {
        await using var each = files.GetAsyncEnumerator();
        while (true)
        {
            try
            {
                if (!await each.MoveNextAsync())
                    yield break;
            }
            catch (Exception damaged) when (damaged is DamagedLinkException or InvalidDataException)
            {
                throw new BackupException(FailureKind.Verification, $"what {backup.File} holds can't be listed: {damaged.Message}", $"nexus-backup verify {backup.Id} reads it again", damaged);
            }

            yield return each.Current;
        }
    }
}
