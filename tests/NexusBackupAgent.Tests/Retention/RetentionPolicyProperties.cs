using FsCheck;
using FsCheck.Fluent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Tests.Retention;

/// <summary>What holds for every set of backups, however odd.</summary>
public class RetentionPolicyProperties
{
    private static readonly DateTimeOffset Now = new(2026, 10, 26, 3, 0, 0, TimeSpan.FromHours(1));
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    private static readonly Dictionary<string, RetentionPeriod> Periods = new(StringComparer.Ordinal)
    {
        ["daily"] = RetentionPeriod.Parse("7d"),
        ["weekly"] = RetentionPeriod.Parse("4w"),
        ["monthly"] = RetentionPeriod.Parse("12mo"),
    };

    private static readonly Dictionary<string, RetentionPeriod> Counted = new(StringComparer.Ordinal)
    {
        ["daily"] = Periods["daily"] with { Holds = 7 },
        ["weekly"] = Periods["weekly"] with { Holds = 4 },
        ["monthly"] = Periods["monthly"] with { Holds = 12 },
    };

    [Fact]
    public void Every_backup_gets_one_decision_with_a_reason() => Check((backups, decisions) =>
        decisions.Count == backups.Count
        && decisions.All(decision => decision.Reasons.Count > 0 && decision.Reasons.All(reason => reason.Length > 0)));

    [Fact]
    public void The_newest_good_backup_is_never_removed() => Check((backups, decisions) =>
        NewestGood(backups) is not { } newest || !Removed(decisions).Contains(newest));

    [Fact]
    public void The_newest_good_backup_of_no_schedule_is_ever_removed() => Check((backups, decisions) =>
        backups.GroupBy(backup => backup.Schedule).All(group => NewestGood(group) is not { } newest || !Removed(decisions).Contains(newest)));

    [Fact]
    public void Nothing_within_its_period_is_ever_removed() => Check((_, decisions) =>
        Removed(decisions).All(backup => Periods[backup.Schedule].ExpiresAt(backup.CapturedAt, Berlin) <= Now));

    /// <summary>However old they are: a clock that jumped, or an agent that was off for a year, makes nothing old that was not replaced.</summary>
    [Fact]
    public void Of_each_schedule_as_many_good_backups_stay_as_its_period_holds() => Prop.ForAll(
        Sets(),
        Gen.Choose(0, 24 * 365 * 3).ToArbitrary(),
        (backups, jump) => RetentionPolicy.Decide(backups, Counted, Now.AddHours(jump), Berlin)
            .Where(decision => decision.Backup.State == BackupState.Good && !decision.Backup.Manifest.Adopted && Counted.ContainsKey(decision.Backup.Schedule) && decision.Backup.Bases.All(@base => @base.State == BackupState.Good))
            .GroupBy(decision => decision.Backup.Schedule)
            .All(schedule => schedule.Take(Counted[schedule.Key].Holds).All(decision => decision.Keep)))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    /// <summary>Beyond that number the period alone decides, as ever.</summary>
    [Fact]
    public void What_is_kept_for_its_number_would_go_without_it() => Check((backups, decisions) =>
    {
        var counted = RetentionPolicy.Decide(backups, Counted, Now, Berlin);
        var more = Removed(decisions).Except(Removed(counted)).ToHashSet();
        return Removed(counted).All(Removed(decisions).Contains)
            && more.All(backup => counted.Single(decision => ReferenceEquals(decision.Backup, backup)).Reasons.All(reason =>
                reason.Contains("until new ones have taken their place", StringComparison.Ordinal) || reason.Contains("builds on it", StringComparison.Ordinal)));
    });

    [Fact]
    public void Only_good_backups_of_configured_schedules_and_what_builds_on_bad_ones_are_ever_removed() => Check((_, decisions) =>
        Removed(decisions).All(backup => (backup.State == BackupState.Good || backup.BrokenChain is not null) && !backup.Manifest.Adopted && Periods.ContainsKey(backup.Schedule)));

    [Fact]
    public void The_base_of_a_kept_backup_is_never_removed() => Check((_, decisions) =>
    {
        var removed = Removed(decisions).Select(backup => backup.Id).ToHashSet();
        return Kept(decisions).All(backup => backup.Manifest.Base is not { } @base || !removed.Contains(@base));
    });

    [Fact]
    public void While_a_backup_lies_in_the_future_nothing_is_ever_removed() => Check((backups, decisions) =>
        backups.All(backup => backup.CapturedAt <= Now.AddMinutes(5)) || Removed(decisions).Count == 0);

    /// <summary>Removing thins a schedule out, and with that changes what is usual in it; nothing else may depend on what went.</summary>
    [Fact]
    public void Deciding_again_after_removing_removes_at_most_what_only_a_gap_protected() => Check((_, decisions) =>
    {
        var after = Removed(RetentionPolicy.Decide(Kept(decisions), Periods, Now, Berlin));
        return decisions.Where(decision => after.Contains(decision.Backup)).SelectMany(decision => decision.Reasons).All(reason =>
            reason.Contains("the clock may have jumped", StringComparison.Ordinal) || reason.Contains("builds on it", StringComparison.Ordinal));
    });

    [Fact]
    public void While_a_schedule_has_had_no_backup_for_longer_than_its_rhythm_allows_nothing_of_it_is_ever_removed() => Check((backups, _) =>
    {
        var muchLater = Now.AddYears(20); // more than three times the longest interval of these sets
        return Removed(RetentionPolicy.Decide(backups, Periods, muchLater, Berlin)).Count == 0;
    });

    [Fact]
    public void The_order_of_the_input_does_not_matter() => Check((backups, decisions) =>
        Removed(RetentionPolicy.Decide([.. backups.Reverse()], Periods, Now, Berlin)).SequenceEqual(Removed(decisions)));

    [Fact]
    public void Who_asks_no_reasons_is_told_the_same_backups() => Check((backups, decisions) =>
        RetentionPolicy.Removed(backups, Periods, Now, Berlin).SequenceEqual(Removed(decisions), ReferenceEqualityComparer.Instance));

    [Fact]
    public void The_random_sets_do_reach_removals() =>
        Assert.Contains(Sets().Generator.Sample(200), backups => Removed(RetentionPolicy.Decide(backups, Periods, Now, Berlin)).Count > 0);

    private static void Check(Func<IReadOnlyList<Backup>, IReadOnlyList<RetentionDecision>, bool> holds) =>
        Prop.ForAll(Sets(), backups => holds(backups, RetentionPolicy.Decide(backups, Periods, Now, Berlin)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    private static Arbitrary<List<Backup>> Sets() => Arb.From(
        from seeds in Gen.ArrayOf(Seed())
        from future in Gen.Frequency((9, Gen.Constant(false)), (1, Gen.Constant(true)))
        select Backups(seeds, future ? Now.AddHours(1) : Now));

    /// <summary>Everything that makes one backup; bases are picked among the ones before it.</summary>
    private static Gen<(int Hours, string Schedule, BackupState State, int Base, bool Adopted)> Seed() =>
        from hours in Gen.Frequency((6, Gen.Choose(0, 24 * 40)), (3, Gen.Choose(0, 24 * 420)), (1, Gen.Choose(0, 24 * 1500)))
        from schedule in Gen.Elements("daily", "daily", "weekly", "monthly", "manual", "retired")
        from state in Gen.Elements(BackupState.Good, BackupState.Good, BackupState.Good, BackupState.Unverified, BackupState.Corrupt)
        from @base in Gen.Choose(-8, 4)
        from adopted in Gen.Frequency((9, Gen.Constant(false)), (1, Gen.Constant(true)))
        select (hours, schedule, state, @base, adopted);

    private static List<Backup> Backups((int Hours, string Schedule, BackupState State, int Base, bool Adopted)[] seeds, DateTimeOffset newest)
    {
        var backups = new List<Backup>();
        foreach (var seed in seeds.OrderByDescending(seed => seed.Hours))
        {
            var @base = seed.Base >= 0 && seed.Base < backups.Count ? backups[^(seed.Base + 1)] : null;
            var capturedAt = newest.AddHours(-seed.Hours);
            var backup = seed.State switch
            {
                BackupState.Good => SomeBackup.Good(capturedAt, seed.Schedule, @base),
                BackupState.Corrupt => SomeBackup.Corrupt(capturedAt, seed.Schedule, @base),
                _ => SomeBackup.Unverified(capturedAt, seed.Schedule, @base),
            };
            backups.Add(seed.Adopted ? backup.Adopted() : backup);
        }

        return [.. BackupChains.Link(backups)];
    }

    private static Backup? NewestGood(IEnumerable<Backup> backups) => backups
        .Where(backup => backup.State == BackupState.Good)
        .OrderByDescending(backup => backup.CapturedAt)
        .ThenByDescending(backup => backup.Id.Value, StringComparer.Ordinal)
        .FirstOrDefault();

    private static List<Backup> Kept(IEnumerable<RetentionDecision> decisions) =>
        [.. decisions.Where(decision => decision.Keep).Select(decision => decision.Backup)];

    private static List<Backup> Removed(IEnumerable<RetentionDecision> decisions) =>
        [.. decisions.Where(decision => !decision.Keep).Select(decision => decision.Backup)];
}
