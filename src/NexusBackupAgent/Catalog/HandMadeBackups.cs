using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Catalog;

/// <summary>What an artifact without a readable manifest says of itself by its name, size and time.</summary>
/// <param name="source">The source in whose directory it lies.</param>
/// <param name="kind">That source's kind.</param>
/// <param name="formats">How its artifacts are named and encoded.</param>
/// <param name="zone">The zone of the times in file names.</param>
internal sealed class HandMadeBackups(string source, string kind, ArtifactFormats formats, TimeZoneInfo zone)
{
    /// <summary>The manifest of a file that somebody made by hand; its hashes are unknown until it is read back.</summary>
    public BackupManifest ManifestOf(StoredFile artifact)
    {
        // A name may claim any time, and a file can't hold a state later than its own writing.
        var capturedAt = BackupFiles.CapturedAt(artifact.Name, zone) is { } named && named <= artifact.ModifiedAt ? named : artifact.ModifiedAt;
        var file = BackupFiles.Original(artifact.Name); // so that its identity stays when it is set aside
        return new BackupManifest(
            BackupManifest.CurrentFormatVersion,
            BackupId.ForAdopted(capturedAt, file),
            source,
            kind,
            BackupManifest.ManualSchedule,
            BackupType.Full,
            Base: null,
            capturedAt,
            file,
            new ArtifactDigest(0, ""),
            new ArtifactDigest(artifact.Length, ""),
            Adopted: true,
            new Dictionary<string, string>(StringComparer.Ordinal))
        {
            Encoding = formats.EncodingOf(file) ?? ArtifactEncoding.Gzip,
        };
    }

    /// <summary>A backup whose manifest can't be read now: nothing is known of it until it can.</summary>
    public Backup Unreadable(StoredFile artifact, string directory, BackupException failure) =>
        new(ManifestOf(artifact) with { Adopted = false }, directory, artifact, Verification: null) { Unreadable = failure };

    /// <summary>A backup whose manifest is damaged: corrupt, because nothing says what it should be.</summary>
    /// <param name="isIncrement">Whether its name says that it holds only what changed.</param>
    public Backup Damaged(StoredFile artifact, string manifestFile, string directory, bool isIncrement)
    {
        var manifest = ManifestOf(artifact) with { Adopted = false, Type = isIncrement ? BackupType.Incremental : BackupType.Full };
        var check = new CheckResult(VerificationCheck.Checksum, Passed: false, $"its manifest {manifestFile} is damaged or belongs to another backup");
        return new Backup(manifest, directory, artifact, new VerificationResult(manifest.Id, artifact.ModifiedAt, artifact.Length, Passed: false, [check]));
    }
}
