using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Verification;

/// <summary>What reading one stored file found.</summary>
/// <param name="Artifact">Of the file itself.</param>
/// <param name="Refusal">Why its content can't be applied to what it builds on; null when it can.</param>
internal sealed record LinkReading(ArtifactReading Artifact, string? Refusal)
{
    /// <summary>What speaks against the bytes that were read, by the manifest alone; null when they are what was stored.</summary>
    public string? DamageOf(BackupManifest manifest) => this switch
    {
        _ when Artifact.Stored.Length != manifest.Stored.Length => $"it has {Artifact.Stored.Length} bytes and was stored with {manifest.Stored.Length}",
        _ when Artifact.Stored.Sha256 != manifest.Stored.Sha256 => $"its SHA-256 is {Artifact.Stored.Sha256} and it was stored with {manifest.Stored.Sha256}",
        _ when Artifact.Content is { } content && content != manifest.Content =>
            $"its content ({content.Length} bytes, SHA-256 {content.Sha256}) is not what was captured ({manifest.Content.Length} bytes, {manifest.Content.Sha256})",
        { Artifact.GzipFailure: null, Refusal: { } refusal } => $"its content does not fit what it builds on: {refusal}",
        _ => null,
    };
}

/// <summary>What reading a backup with all that it builds on found.</summary>
/// <param name="Tip">Of its own file; of a damaged base's when there is one, with which the reading ended.</param>
/// <param name="DamagedBase">The first of what it builds on that is not what was stored; null when all of it is.</param>
internal sealed record ChainReading(LinkReading Tip, Backup? DamagedBase = null)
{
    /// <summary>Digest of what they give together; null when that could not be made, and of a full backup, whose content that is.</summary>
    public ArtifactDigest? Restored { get; init; }

    /// <summary>Whether there is something whole for the source to check.</summary>
    public bool IsWhole => Tip is { Artifact.GzipFailure: null, Refusal: null };
}

/// <summary>Expands a backup: the full one that it builds on, then each increment applied to that file, up to itself.</summary>
/// <param name="scratch">Named when there is no room.</param>
internal sealed class ChainReader(ScratchDirectory scratch)
{
    /// <param name="source">Applies increments.</param>
    /// <param name="expanded">An existing empty file.</param>
    /// <param name="progress">Told the stored bytes so far, of <see cref="Backup.LengthToRead"/>.</param>
    /// <exception cref="BackupException">A file could not be read, or is gone; neither is damage.</exception>
    public async Task<ChainReading> ReadAsync(
        IBackupSource source, BackupCatalog catalog, Backup backup, string expanded, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var done = 0L;
        foreach (var link in backup.Bases.Reverse())
        {
            var reading = await ReadLinkAsync(source, catalog, link, expanded, After(done, progress), cancellationToken);
            if (reading.Artifact.GzipFailure is not null || reading.DamageOf(link.Manifest) is not null)
                return new ChainReading(reading, link);
            done += link.ActualLength;
        }

        var tip = await ReadLinkAsync(source, catalog, backup, expanded, After(done, progress), cancellationToken);
        return new ChainReading(tip);
    }

    private static InPlaceProgress? After(long done, IProgress<long>? progress) => progress is null ? null : new InPlaceProgress(read => progress.Report(done + read));

    private async Task<LinkReading> ReadLinkAsync(
        IBackupSource source, BackupCatalog catalog, Backup link, string expanded, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        try
        {
            await using var artifact = await catalog.OpenReadAsync(link.File, cancellationToken);
            if (link.Manifest.Type == BackupType.Full)
            {
                await using var content = new FileStream(expanded, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
                return new LinkReading(await ArtifactReader.ReadAsync(artifact, content, progress, cancellationToken), Refusal: null);
            }

            if (link.Bases.Count == 0 || link.BrokenChain is not null) // nothing to apply it to; its own bytes can be judged all the same
                return new LinkReading(await ArtifactReader.ReadAsync(artifact, Stream.Null, progress, cancellationToken), "what it builds on is not there");
            await using var increment = new IncrementStream(source.OpenIncrement(expanded));
            var reading = await ArtifactReader.ReadAsync(artifact, increment, progress, cancellationToken);
            if (reading.GzipFailure is null)
                await increment.CompleteAsync();
            return new LinkReading(reading, increment.Refusal);
        }
        catch (FileNotFoundException gone)
        {
            throw new BackupException(FailureKind.NotFound, $"backup '{catalog.Locate(link.File)}' is gone", "nexus-backup list shows what is left", gone);
        }
        catch (Exception failure) when (IoFailure.IsFull(failure))
        {
            throw IoFailure.Translate(failure, $"expand backup {link.File} in '{Path.GetDirectoryName(expanded)}'", Path.GetDirectoryName(expanded)!);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read back '{catalog.Locate(link.File)}'", scratch.Path);
        }
    }

    /// <returns>Digest of what an increment and all that it builds on give together; null of a full backup, whose content that is.</returns>
    public static Task<ArtifactDigest?> DigestAsync(Backup backup, string expanded, CancellationToken cancellationToken) => backup.Bases.Count == 0
        ? Task.FromResult<ArtifactDigest?>(null)
        : Task.Run<ArtifactDigest?>(() => new ArtifactDigest(new FileInfo(expanded).Length, FileDigest.Of(expanded, cancellationToken)), CancellationToken.None);
}
