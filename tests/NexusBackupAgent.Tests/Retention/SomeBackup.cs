using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Retention;

/// <summary>Backups of one source, described by what retention looks at.</summary>
internal static class SomeBackup
{
    public static Backup Good(DateTimeOffset capturedAt, string schedule = "daily", Backup? @base = null) =>
        Unverified(capturedAt, schedule, @base).Verified(passed: true);

    public static Backup Corrupt(DateTimeOffset capturedAt, string schedule = "daily", Backup? @base = null) =>
        Unverified(capturedAt, schedule, @base).Verified(passed: false);

    public static Backup Unverified(DateTimeOffset capturedAt, string schedule = "daily", Backup? @base = null)
    {
        var id = BackupId.New(capturedAt);
        var manifest = new BackupManifest(
            BackupManifest.CurrentFormatVersion,
            id,
            "itsm",
            "sqlite",
            schedule,
            @base is null ? BackupType.Full : BackupType.Incremental,
            @base?.Id,
            capturedAt.ToUniversalTime(),
            $"{schedule}_{capturedAt:yyyyMMdd_HHmmss}{(@base is null ? ".db.gz" : ".db-wal.gz")}",
            new ArtifactDigest(1000, new string('a', 64)),
            new ArtifactDigest(400, new string('b', 64)),
            Adopted: false,
            new Dictionary<string, string>(StringComparer.Ordinal))
        {
            Restored = @base is null ? null : new ArtifactDigest(1000, new string('c', 64)),
        };
        return new Backup(manifest, "", new StoredFile(manifest.File, manifest.Stored.Length, capturedAt), Verification: null);
    }

    public static Backup Adopted(this Backup backup) => backup with { Manifest = backup.Manifest with { Adopted = true } };

    private static Backup Verified(this Backup backup, bool passed)
    {
        var check = new CheckResult(VerificationCheck.Checksum, passed, passed ? "" : "SHA-256 differs");
        return backup with { Verification = new VerificationResult(backup.Id, backup.CapturedAt.AddMinutes(1), backup.ActualLength, passed, [check]) };
    }
}
