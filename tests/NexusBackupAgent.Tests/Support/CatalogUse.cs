using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>What a run does with a catalog, without a source.</summary>
internal static class CatalogUse
{
    /// <summary>What a database's backups are called.</summary>
    public static ArtifactFormats Formats { get; } =
        new(type => new ArtifactFormat(type == BackupType.Full ? ".db.gz" : ".db-wal.gz", ArtifactEncoding.Gzip) { Sidecars = [".pages"] });

    public static BackupCatalog CatalogOf(IBackupStore store, TimeZoneInfo? zone = null, string directory = "itsm") =>
        new(store, directory, "itsm", "sqlite", Formats, zone ?? TimeZoneInfo.Utc);

    /// <summary>Begin, write, commit.</summary>
    public static async Task<Backup> AddAsync(this BackupCatalog catalog, byte[] content, DateTimeOffset? capturedAt = null, string schedule = "daily")
    {
        var artifact = await catalog.BeginAsync(schedule, BackupType.Full, capturedAt ?? Some.Instant, CancellationToken.None);
        var digests = default(ArtifactDigests);
        await catalog.WriteArtifactAsync(
            artifact,
            async (stored, token) => digests = await ArtifactWriter.WriteAsync(stored, 6, (stream, inner) => stream.WriteAsync(content, inner).AsTask(), null, token),
            CancellationToken.None);
        return await catalog.CommitAsync(Some.Manifest(artifact, digests, capturedAt) with { Schedule = schedule }, CancellationToken.None);
    }

    /// <summary>The same with a further part, whose name ends as an artifact's does.</summary>
    public static async Task<Backup> AddInPartsAsync(this BackupCatalog catalog, DateTimeOffset? capturedAt = null)
    {
        var artifact = await catalog.BeginAsync("daily", BackupType.Full, capturedAt ?? Some.Instant, CancellationToken.None);
        var (main, part) = (default(ArtifactDigests), default(ArtifactDigests));
        await catalog.WriteArtifactAsync(artifact, async (stored, token) => main = await EncodeAsync(ArtifactEncoding.Gzip, stored, Some.Text(1000), token), CancellationToken.None);
        await catalog.WritePartAsync(artifact, PartName, async (stored, token) => part = await EncodeAsync(ArtifactEncoding.None, stored, Some.Noise(300), token), CancellationToken.None);
        var manifest = Some.Manifest(artifact, main, capturedAt) with { Parts = [new BackupPart(PartName, ArtifactEncoding.None, part.Content, part.Stored)] };
        return await catalog.CommitAsync(manifest, CancellationToken.None);
    }

    public const string PartName = "log.db.gz";

    private static Task<ArtifactDigests> EncodeAsync(ArtifactEncoding encoding, Stream stored, byte[] content, CancellationToken cancellationToken) =>
        ArtifactWriter.WriteAsync(encoding, stored, 6, (stream, inner) => stream.WriteAsync(content, inner).AsTask(), null, cancellationToken);

    public static Task<Backup> PassAsync(this BackupCatalog catalog, Backup backup) => catalog.RecordAsync(
        backup,
        new VerificationResult(backup.Id, Some.Instant, backup.ActualLength, Passed: true, [new CheckResult(VerificationCheck.Checksum, Passed: true, "")]),
        CancellationToken.None);

    public static async Task<IReadOnlyList<Orphan>> FindOrphansAsync(this BackupCatalog catalog, CancellationToken cancellationToken) =>
        (await catalog.ListWithOrphansAsync(cancellationToken)).Orphans;

    public static Task<IReadOnlyList<Backup>> AllAsync(this BackupCatalog catalog) => catalog.ListAsync(CancellationToken.None);
}
