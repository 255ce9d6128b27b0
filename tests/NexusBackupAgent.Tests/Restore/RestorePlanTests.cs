using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>Which backup is chosen, from a table of backups; nothing is read.</summary>
public sealed class RestorePlanTests
{
    private static readonly DateTimeOffset Now = Some.Instant.AddDays(10);

    [Fact]
    public void The_newest_good_one_is_first_and_the_older_ones_follow()
    {
        var plan = Choose([Good(1), Good(2), Good(3)]);

        Assert.Equal(["3.db.gz", "2.db.gz", "1.db.gz"], plan.Candidates.Select(candidate => candidate.Backup.File));
        Assert.StartsWith("the newest that was read back and found good, on 2026-02-", plan.Candidates[0].Reason, StringComparison.Ordinal);
        Assert.Empty(plan.PassedOver);
    }

    [Fact]
    public void What_was_not_read_back_is_tried_in_its_turn_and_said_so()
    {
        var plan = Choose([Good(1), Unverified(2)]);

        Assert.Equal("2.db.gz", plan.Candidates[0].Backup.File);
        Assert.Contains("not read back yet", plan.Candidates[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_known_to_be_corrupt_is_passed_over_with_its_reason()
    {
        var plan = Choose([Good(1), Corrupt(2), Corrupt(3)]);

        Assert.Equal("1.db.gz", plan.Candidates[0].Backup.File);
        Assert.Equal(["3.db.gz", "2.db.gz"], plan.PassedOver.Select(passed => passed.Backup.File));
        Assert.Equal("corrupt: bad gzip", plan.PassedOver[0].Reason);
        Assert.Equal(plan.PassedOver, plan.Newer);
        Assert.Empty(Choose([Corrupt(1), Good(2)]).Newer);
    }

    [Fact]
    public void A_backup_from_the_future_is_chosen_by_its_id_only()
    {
        Backup[] backups = [Good(1), Good(11)];
        var plan = Choose(backups);

        Assert.Equal("1.db.gz", plan.Candidates[0].Backup.File);
        var passed = Assert.Single(plan.PassedOver);
        Assert.Contains("a clock was wrong", passed.Reason, StringComparison.Ordinal);
        Assert.Equal("11.db.gz", Assert.Single(Choose(backups, new RestoreWish(passed.Backup.Id.Value)).Candidates).Backup.File);
    }

    [Fact]
    public void A_time_chooses_the_newest_at_or_before_it()
    {
        Assert.Equal("2.db.gz", Choose([Good(1), Good(2), Good(3)], At(Some.Instant.AddDays(2))).Candidates[0].Backup.File);
        var plan = Choose([Good(1), Good(2), Good(3)], At(Some.Instant.AddDays(3).AddTicks(-1)));
        Assert.Equal(["2.db.gz", "1.db.gz"], plan.Candidates.Select(candidate => candidate.Backup.File));
        Assert.Empty(plan.PassedOver);
        Assert.Contains("the newest at or before 2026-02-17 01:59", plan.Candidates[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Before_the_oldest_there_is_nothing_and_the_oldest_is_named()
    {
        var failure = Assert.Throws<BackupException>(() => Choose([Good(1), Good(2)], At(Some.Instant)));

        Assert.Equal(FailureKind.NotFound, failure.Kind);
        Assert.Contains("its oldest is from 2026-02-15 02:00", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2.db.gz")]
    [InlineData("/backups/2.db.gz")]
    public void An_id_may_be_a_file_name_and_may_be_corrupt_and_has_no_successor(string id) =>
        Assert.Equal("2.db.gz", Assert.Single(Choose([Good(1), Corrupt(2), Good(3)], new RestoreWish(id)).Candidates).Backup.File);

    [Fact]
    public void An_unknown_id_is_not_found_and_the_newest_is_named()
    {
        var failure = Assert.Throws<BackupException>(() => Choose([Good(1)], new RestoreWish("x")));

        Assert.Equal(FailureKind.NotFound, failure.Kind);
        Assert.Contains("1.db.gz", failure.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_backups_there_is_nothing_to_restore() =>
        Assert.Equal(FailureKind.NotFound, Assert.Throws<BackupException>(() => Choose([])).Kind);

    [Fact]
    public void When_all_are_corrupt_each_is_named_with_its_reason()
    {
        var failure = Assert.Throws<BackupException>(() => Choose([Corrupt(1), Corrupt(2)]));

        Assert.Equal(FailureKind.Verification, failure.Kind);
        Assert.Contains("2.db.gz: corrupt: bad gzip; 1.db.gz: corrupt: bad gzip", failure.Message, StringComparison.Ordinal);
        Assert.Contains("L3", failure.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void When_all_up_to_a_time_are_corrupt_a_later_time_is_what_to_try()
    {
        var failure = Assert.Throws<BackupException>(() => Choose([Corrupt(1), Good(2)], At(Some.Instant.AddDays(1))));

        Assert.Equal(FailureKind.Verification, failure.Kind);
        Assert.Contains("from 2026-02-15 02:00 +00:00 or before", failure.Message, StringComparison.Ordinal);
        Assert.Contains("leave --at out", failure.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_none_is_good_a_line_among_others_names_the_newest_and_counts_the_rest()
    {
        var failure = Assert.Throws<BackupException>(() => Choose([Corrupt(1), Corrupt(2), Corrupt(3)]));

        Assert.Equal("no backup of source 'itsm' can be restored: 3.db.gz: corrupt: bad gzip; and 2 more files", failure.Brief);
        Assert.Contains("3.db.gz: corrupt: bad gzip; 2.db.gz: corrupt: bad gzip; 1.db.gz", failure.Message, StringComparison.Ordinal);
        Assert.Null(Assert.Throws<BackupException>(() => Choose([Corrupt(1)])).Brief);
    }

    /// <summary>What comes after a backup leads from it to an instant of its own; the state that is restored is of that instant.</summary>
    [Fact]
    public void A_source_that_recovers_to_instants_gives_the_state_of_the_very_instant()
    {
        var first = Good(1);
        var second = Continuing(Good(2), first);
        var at = first.CapturedAt.AddHours(3).AddSeconds(7);

        var chosen = Assert.Single(Choose([first, second], At(at), recovers: true).Candidates);

        Assert.Equal("1.db.gz", chosen.Backup.File);
        Assert.Equal(at, chosen.StateOf);
        Assert.Equal(["2.db.gz"], chosen.Instant!.Through.Select(link => link.File));
        Assert.Equal("recovered to 2026-02-15 05:00:07 +00:00 with 2.db.gz", chosen.Reason);
        Assert.Equal(second.CapturedAt, Choose([first, second], At(second.CapturedAt), recovers: true).Candidates[0].StateOf);
    }

    [Fact]
    public void An_instant_behind_the_last_backup_or_in_a_gap_is_refused_with_the_times_that_there_are()
    {
        Backup[] backups = [Good(1), Good(3)];
        foreach (var at in (DateTimeOffset[])[backups[0].CapturedAt.AddHours(1), backups[1].CapturedAt.AddHours(1)])
        {
            var refusal = Assert.Throws<BackupException>(() => Choose(backups, At(at), recovers: true));

            Assert.Equal(FailureKind.NotFound, refusal.Kind);
            Assert.Contains("any instant from 2026-02-17 02:00:00 +00:00 to 2026-02-17 02:00:00 +00:00, or from 2026-02-15 02:00:00 +00:00 to 2026-02-15 02:00:00 +00:00", refusal.Message, StringComparison.Ordinal);
        }
    }

    private static RestoreWish At(DateTimeOffset at) => new(At: at);

    private static RestorePlan Choose(Backup[] backups, RestoreWish? wish = null, bool recovers = false) => RestorePlan.Choose(
        "itsm", [.. backups.OrderByDescending(backup => backup.CapturedAt)], wish ?? new RestoreWish(), Now, TimeZoneInfo.Utc, recovers);

    private static Backup Continuing(Backup backup, Backup previous) => backup with { Manifest = backup.Manifest with { Continues = previous.Id } };

    private static Backup Unverified(int day)
    {
        var digest = new ArtifactDigest(100, new string('a', 64));
        var capturedAt = Some.Instant.AddDays(day);
        return new Backup(Some.Manifest($"{day}.db.gz", new ArtifactDigests(digest, digest), capturedAt), "", new StoredFile($"{day}.db.gz", 100, capturedAt), Verification: null);
    }

    private static Backup Good(int day) => Verified(Unverified(day), passed: true);

    private static Backup Corrupt(int day) => Verified(Unverified(day), passed: false);

    private static Backup Verified(Backup backup, bool passed) => backup with
    {
        Verification = new VerificationResult(backup.Id, Now, 100, passed, [new CheckResult(VerificationCheck.Encoding, passed, passed ? "" : "bad gzip")]),
    };
}
