using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Retention;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>What each backup builds on, and why some can't be restored for that.</summary>
public class BackupChainsTests
{
    private static readonly Backup Full = SomeBackup.Good(Some.Instant);
    private static readonly Backup Middle = SomeBackup.Good(Some.Instant.AddHours(1), @base: Full);
    private static readonly Backup Tip = SomeBackup.Good(Some.Instant.AddHours(2), @base: Middle);

    [Fact]
    public void Bases_are_told_from_the_direct_one_down_to_the_full_one()
    {
        var linked = BackupChains.Link([Tip, Middle, Full]);

        Assert.Equal([Middle.Id, Full.Id], linked[0].Bases.Select(link => link.Id));
        Assert.Equal(Full.Id, linked[0].Bases[1].Id);
        Assert.Same(linked[1], linked[0].Bases[0]);
        Assert.Equal([Full.Id], linked[1].Bases.Select(link => link.Id));
        Assert.Empty(linked[2].Bases);
        Assert.All(linked, backup => Assert.Equal((null, BackupState.Good), (backup.BrokenChain, backup.State)));
    }

    [Fact]
    public void Without_its_base_a_backup_and_all_that_builds_on_it_is_quarantined_for_one_reason()
    {
        var linked = BackupChains.Link([Tip, Middle]);

        Assert.All(linked, backup => Assert.Equal((BackupState.Quarantined, $"backup {Full.Id}, which {Middle.File} builds on, is not there any more"), (backup.State, backup.BrokenChain)));
        Assert.Equal([Middle.Id], linked[0].Bases.Select(link => link.Id)); // as far as it is here
    }

    [Fact]
    public void A_corrupt_base_breaks_whatever_is_above_it_and_nothing_below()
    {
        var corrupt = SomeBackup.Corrupt(Middle.CapturedAt, @base: Full);
        var tip = SomeBackup.Good(Tip.CapturedAt, @base: corrupt);

        var linked = BackupChains.Link([tip, corrupt, Full]);

        Assert.Equal([BackupState.Quarantined, BackupState.Corrupt, BackupState.Good], linked.Select(backup => backup.State));
        Assert.Equal($"{corrupt.File}, which it needs, is corrupt: SHA-256 differs", linked[0].BrokenChain);
    }

    [Fact]
    public void A_base_that_was_set_aside_breaks_what_builds_on_it_and_tells_since_when()
    {
        var aside = SomeBackup.Corrupt(Full.CapturedAt) is var corrupt ? corrupt with { Artifact = corrupt.Artifact with { Name = corrupt.File + ".bad" } } : null!;
        var middle = SomeBackup.Good(Middle.CapturedAt, @base: aside);

        var linked = BackupChains.Link([SomeBackup.Good(Tip.CapturedAt, @base: middle), middle, aside]);

        Assert.All(linked.Take(2), backup => Assert.Equal((true, false, aside.SetAsideAt), (backup.HasBrokenChain, backup.IsSetAside, backup.SetAsideAt)));
    }

    [Fact]
    public void A_base_that_was_not_read_back_yet_breaks_nothing() =>
        Assert.Null(BackupChains.Link([SomeBackup.Good(Middle.CapturedAt, @base: Full), Full with { Verification = null }])[0].BrokenChain);

    [Fact]
    public void A_circle_ends_and_breaks_what_is_in_it_and_above()
    {
        var one = SomeBackup.Good(Some.Instant, @base: Full);
        var two = SomeBackup.Good(Some.Instant.AddHours(1), @base: one);
        one = one with { Manifest = one.Manifest with { Base = two.Id } };
        var itself = SomeBackup.Good(Some.Instant.AddHours(2), @base: Full) is var forged ? forged with { Manifest = forged.Manifest with { Base = forged.Id } } : null!;
        var above = SomeBackup.Good(Some.Instant.AddHours(3), @base: two);

        var linked = BackupChains.Link([above, itself, two, one, Full]);

        Assert.All(linked.Take(4), backup => Assert.EndsWith("builds on itself", backup.BrokenChain!, StringComparison.Ordinal));
        Assert.Equal(BackupState.Good, linked[4].State);
    }

    [Fact]
    public void A_backup_of_another_source_is_no_base() => Assert.Equal(
        $"backup {Full.Id}, which it builds on, belongs to source other",
        BackupChains.Link([Middle], new Dictionary<BackupId, string> { [Full.Id] = "other" })[0].BrokenChain);

    [Fact]
    public void While_a_manifest_can_not_be_read_nothing_is_concluded_from_a_base_that_is_not_found()
    {
        var failure = new BackupException(FailureKind.Io, "a bad disk", "look at it");
        var unreadable = Full with { Unreadable = failure, Manifest = Full.Manifest with { Id = new BackupId("unknown"), Stored = new ArtifactDigest(0, "") } };

        var linked = BackupChains.Link([Middle, unreadable]);

        Assert.Equal((null, failure, BackupState.Unverified), (linked[0].BrokenChain, linked[0].Unreadable, linked[0].State));
    }

    [Fact]
    public void An_increment_that_does_not_say_what_it_gives_or_builds_on_can_not_be_restored()
    {
        Assert.Equal("its manifest does not say what a restore of it gives", BackupChains.Link([Middle with { Manifest = Middle.Manifest with { Restored = null } }, Full])[0].BrokenChain);
        Assert.Equal("its manifest does not say what it builds on", BackupChains.Link([Middle with { Manifest = Middle.Manifest with { Base = null } }, Full])[0].BrokenChain);
    }

    [Fact]
    public void Of_two_files_with_one_identity_the_one_that_was_not_set_aside_is_the_base()
    {
        var copy = SomeBackup.Corrupt(Full.CapturedAt) with { Manifest = Full.Manifest };
        copy = copy with { Artifact = copy.Artifact with { Name = copy.File + ".bad" } };

        Assert.All((Backup[][])[[Middle, Full, copy], [Middle, copy, Full]], backups => Assert.Null(BackupChains.Link(backups)[0].BrokenChain));
    }

    [Fact]
    public void A_chain_may_be_longer_than_a_stack_is_deep()
    {
        var backups = new List<Backup> { Full };
        for (var count = 1; count < 50_000; count++)
            backups.Insert(0, SomeBackup.Good(Some.Instant.AddSeconds(count), @base: backups[0]));

        var linked = BackupChains.Link(backups);

        Assert.Equal(49_999, linked[0].Bases.Count);
        Assert.Equal(BackupState.Good, linked[0].State);
        Assert.Equal(Full.Id, linked[0].Bases[^1].Id);
    }
}
