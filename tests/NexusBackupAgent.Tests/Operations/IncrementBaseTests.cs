using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>On what an increment builds.</summary>
public sealed class IncrementBaseTests
{
    private static readonly DateTimeOffset Now = Some.Instant.AddDays(1);

    private readonly Backup full = Good(BackupType.Full, 1);
    private readonly Backup differential = Good(BackupType.Differential, 2);
    private readonly Backup incremental = Good(BackupType.Incremental, 3);

    [Fact]
    public void A_differential_builds_on_the_newest_full_and_an_incremental_on_the_newest_of_any_type()
    {
        Assert.Same(full, Choose(BackupType.Differential, full, differential, incremental));
        Assert.Same(incremental, Choose(BackupType.Incremental, full, differential, incremental));
        Assert.Same(differential, Choose(BackupType.Incremental, differential, full));
    }

    [Fact]
    public void One_made_by_hand_with_a_command_counts_and_one_that_was_adopted_does_not()
    {
        var manual = Good(BackupType.Full, 4) is var newest ? newest with { Manifest = newest.Manifest with { Schedule = BackupManifest.ManualSchedule } } : null!;
        var adopted = Good(BackupType.Full, 5) is var other ? other with { Manifest = other.Manifest with { Adopted = true } } : null!;
        Assert.Same(manual, Choose(BackupType.Incremental, full, manual, adopted));
        Assert.Same(manual, Choose(BackupType.Differential, full, manual, adopted));
        Assert.Equal("there is no good backup to build on", WhyNone(BackupType.Incremental, adopted));
    }

    [Fact]
    public void Only_what_can_be_restored_counts()
    {
        var unverified = Good(BackupType.Full, 4) with { Verification = null };
        var broken = incremental with { BrokenChain = "its base is gone" };
        Assert.Same(full, Choose(BackupType.Incremental, full, unverified, broken));
        Assert.Equal($"there is no good backup to build on: {broken.File} can't be restored, because its base is gone", WhyNone(BackupType.Incremental, broken));
        Assert.Equal($"there is no good full backup to build on: {unverified.File} is unverified", WhyNone(BackupType.Differential, unverified, incremental));
        Assert.Equal("there is no good full backup to build on", WhyNone(BackupType.Differential));
    }

    [Fact]
    public void One_from_the_future_does_not_count()
    {
        var future = Good(BackupType.Full, 24 * 60);
        Assert.Same(full, Choose(BackupType.Incremental, full, future));
        Assert.Contains("is from the future", WhyNone(BackupType.Incremental, future), StringComparison.Ordinal);
    }

    [Fact]
    public void A_chain_ends_at_256_files()
    {
        Backup[] bases = [.. Enumerable.Repeat(full, 254)];
        var last = incremental with { Bases = bases };
        Assert.Same(last, Choose(BackupType.Incremental, full, last));
        var tooLong = incremental with { Bases = [.. bases, full] };
        Assert.Contains("needs 256 files already", WhyNone(BackupType.Incremental, full, tooLong), StringComparison.Ordinal);
        Assert.Same(full, Choose(BackupType.Differential, full, tooLong));
    }

    private static Backup Choose(BackupType type, params Backup[] backups) => IncrementBase.Choose(type, backups, Now);

    private static string WhyNone(BackupType type, params Backup[] backups) => Assert.Throws<NoIncrementException>(() => Choose(type, backups)).Message;

    private static Backup Good(BackupType type, int hours)
    {
        var capturedAt = Some.Instant.AddHours(hours);
        var digest = new ArtifactDigest(10, new string('0', 64));
        var manifest = Some.Manifest($"daily_{hours}{(type == BackupType.Full ? ".db.gz" : ".db-wal.gz")}", new ArtifactDigests(digest, digest), capturedAt) with { Type = type };
        return new Backup(manifest, "", new StoredFile(manifest.File, 10, capturedAt), new VerificationResult(manifest.Id, capturedAt, 10, Passed: true, []));
    }
}
