using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Tests.Retention;

public class RetentionPolicyTests
{
    private static readonly TimeZoneInfo Tokyo = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");
    private static readonly DateTimeOffset Now = new(2026, 2, 14, 3, 0, 0, TimeSpan.FromHours(9));
    private static readonly Backup Fresh = SomeBackup.Good(Now.AddHours(-1));

    private static readonly Dictionary<string, RetentionPeriod> Periods = new(StringComparer.Ordinal)
    {
        ["daily"] = RetentionPeriod.Parse("7d"),
        ["weekly"] = RetentionPeriod.Parse("4w"),
        ["yearly"] = RetentionPeriod.Forever,
    };

    [Fact]
    public void Without_backups_there_is_nothing_to_decide() => Assert.Empty(Decide());

    [Fact]
    public void Decisions_come_newest_first()
    {
        var decisions = Decide(DaysOld(3), Fresh, DaysOld(9), DaysOld(1));

        Assert.Equal(decisions.OrderByDescending(decision => decision.Backup.CapturedAt), decisions);
        Assert.Equal(4, decisions.Count);
    }

    [Fact]
    public void A_backup_past_its_period_is_removed_when_a_newer_good_one_of_its_schedule_covers_it()
    {
        var old = DaysOld(8);

        AssertRemoved(old, "past its 7d since 2026-02-13 03:00 +09:00; daily_20260214_020000.db.gz is newer and good", Fresh, old);
    }

    [Fact]
    public void A_backup_within_its_period_is_kept_and_the_reason_says_until_when()
    {
        var young = DaysOld(6);

        AssertKept(young, "within its 7d until 2026-02-15 03:00 +09:00", Fresh, young);
    }

    [Fact]
    public void A_backup_past_its_period_is_kept_while_fewer_good_ones_came_after_it_than_the_period_holds()
    {
        var counted = new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["daily"] = RetentionPeriod.Parse("7d") with { Holds = 3 } };
        Backup[] backups = [Fresh, SomeBackup.Corrupt(Now.AddDays(-20)), DaysOld(33), DaysOld(34), DaysOld(35)];

        var decisions = RetentionPolicy.Decide(backups, counted, Now, Tokyo);

        Assert.Equal([true, true, true, true, false], decisions.Select(decision => decision.Keep));
        Assert.Equal(["past its 7d since 2026-01-19 03:00 +09:00, but one of the 3 newest good backups of schedule daily, as many as 7d holds: kept until new ones have taken their place"], decisions[2].Reasons);
    }

    [Fact]
    public void The_period_ends_exactly_at_its_last_instant()
    {
        AssertRemoved(DaysOld(7), "past its 7d since 2026-02-14 03:00", Fresh);
        AssertKept(SomeBackup.Good(Now.AddDays(-7).AddTicks(1)), "within its 7d until 2026-02-14 03:00", Fresh);
    }

    [Theory]
    [InlineData("manual", "manual: kept until deleted by hand")]
    [InlineData("hourly", "schedule hourly is no longer configured: kept until deleted by hand")]
    [InlineData("yearly", "retention of yearly is forever: kept until deleted by hand")]
    public void What_no_period_ends_is_kept_until_deleted_by_hand(string schedule, string reason) =>
        AssertKept(SomeBackup.Good(Now.AddDays(-300), schedule), reason, Fresh, SomeBackup.Good(Now.AddDays(-1), schedule));

    [Fact]
    public void An_adopted_backup_is_kept_until_deleted_by_hand_whatever_its_schedule() =>
        AssertKept(DaysOld(100).Adopted(), "adopted: kept until deleted by hand", Fresh);

    [Fact]
    public void The_newest_good_backup_of_the_source_is_kept_however_old()
    {
        var only = DaysOld(100);

        AssertKept(only, "the newest good backup of the source", only, SomeBackup.Corrupt(Now.AddHours(-1)), SomeBackup.Unverified(Now));
    }

    [Fact]
    public void The_newest_good_backup_of_each_schedule_is_kept_however_old() =>
        AssertKept(SomeBackup.Good(Now.AddDays(-60), "weekly"), "the newest good backup of schedule weekly", Fresh);

    [Fact]
    public void A_good_backup_of_another_schedule_covers_nothing() =>
        AssertKept(DaysOld(9), "the newest good backup of schedule daily", SomeBackup.Good(Now, "weekly"));

    [Fact]
    public void A_corrupt_or_unverified_backup_covers_nothing() =>
        AssertKept(DaysOld(9), "the newest good backup of schedule daily", SomeBackup.Corrupt(Now), SomeBackup.Unverified(Now), SomeBackup.Good(Now, "weekly"));

    [Fact]
    public void An_adopted_backup_covers_nothing_because_it_may_be_deleted_by_hand() =>
        AssertKept(DaysOld(9), "the newest good backup of schedule daily", Fresh.Adopted());

    [Fact]
    public void A_backup_of_the_same_instant_covers_nothing()
    {
        var (one, twin) = (DaysOld(9), DaysOld(9));

        Assert.All(Decide(one, twin), decision => Assert.True(decision.Keep));
    }

    [Fact]
    public void A_good_backup_whose_base_is_lost_or_corrupt_covers_nothing()
    {
        var full = DaysOld(20);
        var ruined = SomeBackup.Corrupt(Now.AddDays(-9));

        AssertKept(full, "the newest good backup of schedule daily", SomeBackup.Good(Now, "daily", ruined), ruined);
        AssertKept(full, "the newest good backup of schedule daily", SomeBackup.Good(Now, "daily", @base: DaysOld(10)));
        AssertKept(full, "the newest good backup of the source", SomeBackup.Good(Now, "daily", ruined), ruined);
    }

    [Fact]
    public void Every_base_of_a_kept_backup_is_kept_with_it()
    {
        var full = SomeBackup.Good(Now.AddDays(-12));
        var middle = SomeBackup.Good(Now.AddDays(-8), "daily", full);
        var young = SomeBackup.Good(Now.AddDays(-6), "daily", middle);

        AssertKept(full, $"{young.File}, which is kept, builds on it", Fresh, young, middle);
        AssertKept(middle, $"{young.File}, which is kept, builds on it", Fresh, young, full);
    }

    [Fact]
    public void A_whole_chain_past_its_period_goes_together()
    {
        var full = SomeBackup.Good(Now.AddDays(-12));
        var increment = SomeBackup.Good(Now.AddDays(-8), "daily", full);

        Assert.Equal([increment.Id, full.Id], Removed(Decide(Fresh, increment, full)).Select(backup => backup.Id));
    }

    [Fact]
    public void A_backup_that_names_itself_as_its_base_does_no_harm()
    {
        var odd = DaysOld(9);
        odd = odd with { Manifest = odd.Manifest with { Base = odd.Id } };

        Assert.Equal([odd], Removed(Decide(Fresh, odd)));
    }

    [Fact]
    public void A_corrupt_backup_is_preserved_for_analysis() =>
        AssertKept(SomeBackup.Corrupt(Now.AddDays(-90)), "corrupt: preserved for analysis; delete by hand", Fresh);

    [Fact]
    public void A_backup_that_was_never_verified_is_kept() =>
        AssertKept(SomeBackup.Unverified(Now.AddDays(-90)), "not verified yet", Fresh);

    [Fact]
    public void Every_rule_that_asks_to_keep_a_backup_is_named()
    {
        var reasons = Assert.Single(Decide(Fresh)).Reasons;

        Assert.Equal(
            ["within its 7d until 2026-02-21 02:00 +09:00", "the newest good backup of the source", "the newest good backup of schedule daily"],
            reasons);
    }

    [Fact]
    public void Files_that_were_copied_by_hand_with_their_manifest_do_no_harm()
    {
        var old = DaysOld(9);

        Assert.Equal(2, Removed(Decide(Fresh, old, old with { Directory = "copy" })).Count);
    }

    // An implausible clock.

    [Fact]
    public void While_a_backup_lies_in_the_future_nothing_is_removed()
    {
        var future = SomeBackup.Good(Now.AddMinutes(5).AddSeconds(1));

        var reason = $"{future.File} was captured at 2026-02-14 03:05 +09:00, after now (2026-02-14 03:00 +09:00): nothing is removed until the clock is right";
        AssertKept(DaysOld(8), reason, Fresh, future);
        AssertKept(Fresh, reason, future);
    }

    [Fact]
    public void Five_minutes_between_two_clocks_are_no_suspicion() =>
        AssertRemoved(DaysOld(8), "past its 7d", Fresh, SomeBackup.Good(Now.AddMinutes(5)));

    [Fact]
    public void Beyond_a_gap_out_of_proportion_nothing_of_the_schedule_is_removed()
    {
        var (last, older, expired) = (DaysOld(44), DaysOld(45), DaysOld(8));

        const string Reason = "no backup of schedule daily between 2026-01-01 03:00 +09:00 and 2026-02-06 03:00 +09:00: the clock may have jumped; delete by hand";
        AssertKept(last, Reason, Fresh, expired, older);
        AssertKept(older, Reason, Fresh, expired, last);
        AssertRemoved(expired, "past its 7d", Fresh, last, older);
    }

    [Fact]
    public void A_gap_of_35_days_is_always_plausible()
    {
        AssertRemoved(SomeBackup.Good(Fresh.CapturedAt.AddDays(-35)), "past its 7d", Fresh);
        AssertKept(SomeBackup.Good(Fresh.CapturedAt.AddDays(-35).AddTicks(-1)), "the clock may have jumped", Fresh);
    }

    [Fact]
    public void A_gap_of_three_usual_intervals_is_plausible()
    {
        Backup[] everySixtyDays = [DaysOld(10), DaysOld(70), DaysOld(130)];

        AssertRemoved(DaysOld(310), "past its 7d", everySixtyDays);
        AssertKept(DaysOld(311), "the clock may have jumped", everySixtyDays);
    }

    [Fact]
    public void A_yearly_rhythm_is_no_gap_once_there_are_two_intervals()
    {
        AssertRemoved(DaysOld(830), "past its 7d", DaysOld(100), DaysOld(465));
        AssertKept(DaysOld(465), "the clock may have jumped", DaysOld(100));
    }

    [Fact]
    public void A_jump_beside_one_usual_interval_does_not_pass_for_the_rhythm() =>
        AssertKept(DaysOld(367), "the clock may have jumped", Fresh, DaysOld(366));

    [Fact]
    public void When_a_schedules_newest_backup_is_too_old_nothing_of_it_is_removed() =>
        AssertKept(DaysOld(50), "and 2026-02-14 03:00 +09:00 (now): the clock may have jumped; delete by hand", DaysOld(36), SomeBackup.Good(Now, "weekly"));

    [Fact]
    public void A_backup_of_another_schedule_a_manual_or_an_adopted_one_hides_no_gap()
    {
        AssertKept(DaysOld(50), "the clock may have jumped", Fresh, SomeBackup.Good(Now.AddDays(-25), "weekly"));
        AssertKept(DaysOld(50), "the clock may have jumped", Fresh, SomeBackup.Good(Now.AddDays(-25), "manual"));
        AssertKept(DaysOld(50), "the clock may have jumped", Fresh, DaysOld(25).Adopted());
    }

    [Fact]
    public void A_gap_of_one_schedule_protects_no_other() =>
        AssertRemoved(DaysOld(8), "past its 7d", Fresh, SomeBackup.Good(Now, "weekly"), SomeBackup.Good(Now.AddDays(-90), "weekly"));

    [Fact]
    public void What_was_proven_by_its_chain_alone_covers_nothing_and_is_expanded_where_it_would()
    {
        var (old, weekly) = (DaysOld(8), SomeBackup.Good(Now.AddDays(-2), "weekly"));
        var increment = SomeBackup.Good(Now.AddHours(-1), "daily", weekly);
        var unexpanded = increment with { Verification = increment.Verification! with { Proof = Proof.Chain } };

        AssertKept(old, $"what is newer of schedule daily covers it only once its whole chain was expanded ({unexpanded.File})", unexpanded, weekly);
        AssertRemoved(old, "is newer and good", increment, weekly);
        Assert.Equal([unexpanded.Id], ToExpand(old, unexpanded, weekly).Select(backup => backup.Id));
        Assert.Empty(ToExpand(old, increment, weekly));
        Assert.Empty(ToExpand(DaysOld(3), unexpanded, weekly)); // nothing is past its period

        // What was checked before it was encrypted covers; of an increment that was not the whole.
        var captured = increment with { Verification = increment.Verification! with { Proof = Proof.Captured } };
        AssertRemoved(old, "is newer and good", captured, weekly);
        Assert.Equal((false, true), (captured.IsProvenWhole, (weekly with { Verification = weekly.Verification! with { Proof = Proof.Captured } }).IsProvenWhole));

        static IReadOnlyList<Backup> ToExpand(params IReadOnlyCollection<Backup> backups) => RetentionPolicy.ToExpand(BackupChains.Link([.. backups]), Periods, Now, Tokyo);
    }

    private static Backup DaysOld(int days) => SomeBackup.Good(Now.AddDays(-days));

    private static IReadOnlyList<RetentionDecision> Decide(params IReadOnlyCollection<Backup> backups) =>
        RetentionPolicy.Decide(BackupChains.Link([.. backups]), Periods, Now, Tokyo);

    private static List<Backup> Removed(IReadOnlyList<RetentionDecision> decisions) =>
        [.. decisions.Where(decision => !decision.Keep).Select(decision => decision.Backup)];

    private static void AssertKept(Backup backup, string reason, params IReadOnlyCollection<Backup> others) =>
        AssertDecided(keep: true, backup, reason, others);

    private static void AssertRemoved(Backup backup, string reason, params IReadOnlyCollection<Backup> others) =>
        AssertDecided(keep: false, backup, reason, others);

    private static void AssertDecided(bool keep, Backup backup, string reason, IReadOnlyCollection<Backup> others)
    {
        var decision = Assert.Single(Decide([.. others.Append(backup).Distinct()]), decision => decision.Backup.Id == backup.Id);

        Assert.Equal(keep, decision.Keep);
        Assert.Contains(decision.Reasons, given => given.Contains(reason, StringComparison.Ordinal));
    }
}
