using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Verification;

/// <summary>Stores what changed in the self-test's database since a backup of it.</summary>
/// <param name="source">The database.</param>
/// <param name="catalog">Where to.</param>
/// <param name="scratch">Where page indexes are made.</param>
internal sealed class SelfTestIncrement(IBackupSource source, BackupCatalog catalog, ScratchDirectory scratch)
{
    /// <returns>The artifact.</returns>
    public async Task<string> StoreAsync(Backup @base, CancellationToken cancellationToken)
    {
        using var earlier = await IndexAsync(@base, cancellationToken);
        using var index = new PageIndexDraft(scratch.NewFile());
        await using var snapshot = await source.OpenSnapshotAsync(cancellationToken);
        var artifact = await catalog.BeginAsync("increment", BackupType.Incremental, snapshot.CapturedAt, cancellationToken);
        var (digests, restored) = (default(ArtifactDigests), default(ArtifactDigest));
        await catalog.WriteArtifactAsync(
            artifact,
            async (stored, token) => digests = await ArtifactWriter.WriteAsync(
                stored, 6, async (content, inner) => restored = await source.CopyChangesAsync(snapshot, earlier, index, content, progress: null, inner), progress: null, token),
            cancellationToken);
        await catalog.CommitAsync(
            @base.Manifest with
            {
                Id = BackupId.New(snapshot.CapturedAt),
                Schedule = "increment",
                Type = BackupType.Incremental,
                Base = @base.Id,
                CapturedAt = snapshot.CapturedAt.ToUniversalTime(),
                File = artifact,
                Content = digests.Content,
                Stored = digests.Stored,
                Restored = restored,
            },
            cancellationToken);
        return artifact;
    }

    private async Task<PageHistory> IndexAsync(Backup full, CancellationToken cancellationToken)
    {
        using var draft = new PageIndexDraft(scratch.NewFile());
        await using (var stored = await catalog.OpenReadAsync(full.File, cancellationToken))
        await using (var pages = source.IndexPages(isIncrement: false, draft, Stream.Null))
        {
            await ArtifactReader.ReadAsync(stored, pages, progress: null, cancellationToken);
            pages.Complete();
        }

        var copy = scratch.NewFile();
        await using (var file = new FileStream(copy, FileMode.Open, FileAccess.Write, FileShare.None))
            await draft.WriteToAsync(file, full.Manifest.Content.Sha256, cancellationToken);
        return new PageHistory([await PageIndex.OpenAsync(copy, full.Manifest.Content.Sha256, cancellationToken)]);
    }
}
