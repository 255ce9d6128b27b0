using System.IO.Compression;
using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Benchmarks.Data;

/// <summary>
/// Writes backups of one small database as the agent would leave them: artifact, checksum, manifest and passed verification.
/// They are whole and can be restored; only nobody flushed each of them to the disk, which would take an hour for a large catalog.
/// </summary>
internal sealed class PlantedBackups
{
    private const string Schedule = "daily";

    private readonly ArtifactDigest content;
    private readonly ArtifactDigest stored;
    private readonly byte[] artifact;

    /// <param name="database">The whole database file.</param>
    public PlantedBackups(byte[] database)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write(database);
        artifact = compressed.ToArray();
        content = DigestOf(database);
        stored = DigestOf(artifact);
    }

    /// <summary>Writes one backup of each instant.</summary>
    /// <param name="directory">The source's directory in its store; made when missing.</param>
    /// <param name="source">The source's name.</param>
    /// <param name="captures">Whole seconds, each once, UTC.</param>
    public void Write(string directory, string source, IEnumerable<DateTimeOffset> captures)
    {
        Directory.CreateDirectory(directory);
        foreach (var capturedAt in captures)
            Write(directory, source, capturedAt);
    }

    private void Write(string directory, string source, DateTimeOffset capturedAt)
    {
        var id = BackupId.New(capturedAt);
        var file = BackupFiles.Artifact(Schedule, capturedAt, TimeZoneInfo.Utc, duplicate: 0, ".db.gz");
        var path = Path.Combine(directory, file);
        var manifest = new BackupManifest(
            BackupManifest.CurrentFormatVersion, id, source, "sqlite", Schedule, BackupType.Full, Base: null, capturedAt, file, content, stored, Adopted: false,
            new Dictionary<string, string>(StringComparer.Ordinal) { ["nexus-backup"] = "0.1.0", ["sqlite"] = "3.40.1" })
        {
            Fingerprint = content.Sha256,
            Origin = new BackupOrigin("benchmark", "UTC", new MappingNode(Line: 0, [new MappingEntry("sqlite", Line: 0, new ScalarNode(Line: 0, $"/srv/{source}/{source}.db", IsNull: false))])),
        };
        var verification = new VerificationResult(
            id, capturedAt.AddSeconds(1), stored.Length, Passed: true, [.. Enum.GetValues<VerificationCheck>().Select(check => new CheckResult(check, Passed: true, Detail: ""))]) { Proof = Proof.Whole };
        File.WriteAllBytes(path, artifact);
        File.WriteAllText(BackupFiles.Checksum(path), $"{stored.Sha256}  {file}\n");
        File.WriteAllBytes(BackupFiles.Manifest(path), SealedJson.Write(manifest, CatalogJson.Readable.BackupManifest));
        File.WriteAllBytes(BackupFiles.Verification(path), SealedJson.Write(verification, CatalogJson.Readable.VerificationResult));
    }

    private static ArtifactDigest DigestOf(byte[] bytes) => new(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
}
