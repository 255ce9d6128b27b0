using FsCheck;
using FsCheck.Fluent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Retention;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

public sealed class VerificationRoundTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);

    [Fact]
    public void The_newest_is_read_each_time_and_of_the_others_those_read_longest_ago()
    {
        var backups = Enumerable.Range(0, 14).Select(age => BackupOf(age, readDaysAgo: age % 7)).ToList();
        var chosen = VerificationRound.Choose(backups, Some.Instant, Some.Instant + Day, Week);
        Assert.Equal(["0 d", "6 d", "13 d"], chosen.Select(backup => backup.File)); // 14 within 7 days are 2 a day
    }

    [Fact]
    public void What_would_grow_too_old_before_the_next_round_is_read_however_many_there_are()
    {
        var backups = Enumerable.Range(0, 10).Select(age => BackupOf(age, readDaysAgo: 6.5)).ToList();
        Assert.Equal(10, VerificationRound.Choose(backups, Some.Instant, Some.Instant + Day, Week).Count);
    }

    [Fact]
    public void What_was_never_read_comes_first() => Assert.Equal(
        ["0 d", "5 d"],
        VerificationRound.Choose([BackupOf(0, 0), BackupOf(3, 3), BackupOf(5, null)], Some.Instant, Some.Instant + Day, Week).Select(backup => backup.File));

    [Fact]
    public void A_reading_in_the_future_was_dated_by_a_wrong_clock() => Assert.Equal(
        ["0 d", "5 d"],
        VerificationRound.Choose([BackupOf(0, 0), BackupOf(3, 3), BackupOf(5, -400)], Some.Instant, Some.Instant + Day, Week).Select(backup => backup.File));

    [Fact]
    public void What_was_set_aside_is_not_read_again() =>
        Assert.Empty(VerificationRound.Choose([BackupOf(0, 9) with { Artifact = new StoredFile("x.db.gz.bad", 10, Some.Instant) }], Some.Instant, Some.Instant + Day, Week));

    [Fact]
    public void What_others_build_on_is_read_before_them_so_that_its_damage_is_found_once()
    {
        var full = SomeBackup.Good(Some.Instant.AddDays(-3));
        var middle = SomeBackup.Good(Some.Instant.AddDays(-2), @base: full);
        var tip = SomeBackup.Good(Some.Instant.AddDays(-1), @base: middle);

        var chosen = VerificationRound.Choose(BackupChains.Link([tip, middle, full]), Some.Instant, next: null, Week);

        Assert.Equal([full.Id, middle.Id, tip.Id], chosen.Select(backup => backup.Id));
        Assert.Empty(VerificationRound.Choose(BackupChains.Link([tip, middle]), Some.Instant, next: null, Week)); // known to be unrestorable
    }

    [Fact]
    public void Without_a_next_round_everything_is_read() =>
        Assert.Equal(20, VerificationRound.Choose([.. Enumerable.Range(0, 20).Select(age => BackupOf(age, 0))], Some.Instant, null, Week).Count);

    [Fact]
    public void A_spread_shorter_than_the_interval_reads_everything_each_time() =>
        Assert.Equal(20, VerificationRound.Choose([.. Enumerable.Range(0, 20).Select(age => BackupOf(age, 0))], Some.Instant, Some.Instant + Day, Day / 4).Count);

    /// <summary>Backups come and go, rounds come in uneven intervals; when a round begins, nothing was read longer ago than the spread.</summary>
    [Fact]
    public void Over_many_rounds_no_backup_goes_unread_for_longer_than_the_spread() => Prop.ForAll(
        Arb.From(
            from hours in Gen.ListOf(Gen.Choose(1, 24), 60)
            from spread in Gen.Choose(24, 240)
            from count in Gen.Choose(1, 60)
            from changes in Gen.ListOf(Gen.Choose(-3, 4), 60)
            select new Plan([.. hours], spread, count, [.. changes])),
        plan => plan.Holds()).Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    [Fact]
    public void The_load_is_even()
    {
        var plan = new Plan([.. Enumerable.Repeat(24, 60)], SpreadHours: 168, Count: 28, [.. Enumerable.Repeat(0, 60)]);
        Assert.True(plan.Holds());
        Assert.All(plan.Loads.Skip(7), load => Assert.InRange(load, 4, 5));
    }

    private static Backup BackupOf(double daysOld, double? readDaysAgo)
    {
        var capturedAt = Some.Instant.AddDays(-daysOld);
        var digest = new NexusBackupAgent.Artifacts.ArtifactDigest(10, new string('a', 64));
        var backup = new Backup(Some.Manifest($"{daysOld} d", new(digest, digest), capturedAt), "", new StoredFile($"{daysOld} d", 10, capturedAt), null);
        return readDaysAgo is { } ago ? Read(backup, Some.Instant.AddDays(-ago)) : backup;
    }

    private static Backup Read(Backup backup, DateTimeOffset at) => backup with { Verification = new VerificationResult(backup.Id, at, 10, Passed: true, []) };

    /// <param name="Hours">Between one round and the next.</param>
    /// <param name="Count">Backups at the start, all just read.</param>
    /// <param name="Changes">How many backups are added (just read) or pruned before each round.</param>
    private sealed record Plan(int[] Hours, int SpreadHours, int Count, int[] Changes)
    {
        public List<int> Loads { get; } = [];

        public bool Holds()
        {
            var now = Some.Instant;
            var spread = TimeSpan.FromHours(SpreadHours);
            var backups = Enumerable.Range(0, Count).Select(age => Read(BackupOf(age, null), now)).ToList();
            foreach (var (hours, change) in Hours.Zip(Changes))
            {
                for (var i = 0; i < change; i++)
                    backups.Insert(0, Read(BackupOf(-(now - Some.Instant).TotalDays - (i / 1000.0), null), now));
                if (-change > 0 && backups.Count + change > 1)
                    backups.RemoveRange(backups.Count + change, -change);

                if (backups.Exists(backup => now - backup.Verification!.VerifiedAt > spread))
                    return false;
                var chosen = VerificationRound.Choose(backups, now, now.AddHours(hours), spread).ToHashSet();
                if (!chosen.Contains(backups.MaxBy(backup => backup.CapturedAt)!))
                    return false;
                Loads.Add(chosen.Count);
                var at = now;
                backups = [.. backups.Select(backup => chosen.Contains(backup) ? Read(backup, at) : backup)];
                now = now.AddHours(hours);
            }

            return true;
        }

        public override string ToString() => $"{Count} backups, spread {SpreadHours} h, rounds after {string.Join(' ', Hours)} h, changes {string.Join(' ', Changes)}";
    }
}
