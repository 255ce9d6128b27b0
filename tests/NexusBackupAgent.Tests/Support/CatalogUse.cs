using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>What a run does with a catalog, without a source.</summary>
internal static class CatalogUse
{
    public static BackupCatalog CatalogOf(IBackupStore store, TimeZoneInfo? zone = null, string directory = "itsm") =>
        new(store, directory, "itsm", "sqlite", new ArtifactExtensions(".db.gz", ".db-wal.gz"), zone ?? TimeZoneInfo.Utc);

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

    public static Task<Backup> PassAsync(this BackupCatalog catalog, Backup backup) => catalog.RecordAsync(
        backup,
        new VerificationResult(backup.Id, Some.Instant, backup.ActualLength, Passed: true, [new CheckResult(VerificationCheck.Checksum, Passed: true, "")]),
        CancellationToken.None);

    public static Task<IReadOnlyList<Backup>> AllAsync(this BackupCatalog catalog) => catalog.ListAsync(CancellationToken.None);
}
