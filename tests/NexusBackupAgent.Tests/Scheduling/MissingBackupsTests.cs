using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Retention;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>The daily review: Saturday 14 February 2026, backups daily at 02:00, kept 7 days.</summary>
public sealed class MissingBackupsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 2, 14, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset LongAgo = Noon.AddYears(-1);

    [Fact]
    public void Each_day_within_retention_is_expected_and_none_is_missing()
    {
        var review = Review(Days(0, 1, 2, 3, 4, 5, 6));
        Assert.Equal((7, 0), (review.Expected, review.Missing.Count));
    }

    [Fact]
    public void Days_without_a_backup_are_missing_newest_first() =>
        Assert.Equal([At(1), At(5)], Review(Days(0, 2, 3, 4, 6)).Missing);

    [Fact]
    public void A_corrupt_one_is_missing_and_one_not_read_yet_is_not() => Assert.Equal(
        [At(1), At(2)],
        Review([.. Days(0, 3, 4, 5), SomeBackup.Corrupt(At(1)), SetAside(SomeBackup.Good(At(2))), SomeBackup.Unverified(At(6))]).Missing);

    [Fact]
    public void A_replacement_on_the_same_day_counts() =>
        Assert.Empty(Review([.. Days(0, 2, 3, 4, 5, 6), SetAside(SomeBackup.Good(At(1))), SomeBackup.Good(At(1).AddHours(9))]).Missing);

    [Fact]
    public void Another_schedules_backup_does_not_count() =>
        Assert.Equal([At(1)], Review([.. Days(0, 2, 3, 4, 5, 6), SomeBackup.Good(At(1), "weekly")]).Missing);

    [Theory]
    [InlineData(0, 59, false, 6)] // the run takes its time
    [InlineData(1, 0, false, 7)]
    [InlineData(1, 0, true, 6)] // it is still under way
    public void The_newest_is_waited_for(int hours, int minutes, bool isRunning, int expected) =>
        Assert.Equal(expected, Review(Days(1, 2, 3, 4, 5, 6), now: At(0).AddHours(hours).AddMinutes(minutes), isRunning: isRunning).Expected);

    [Fact]
    public void What_was_just_pruned_is_not_missing()
    {
        // Captured a few seconds after it was due: it expires a few seconds later, and is pruned by the run of that time.
        Assert.Empty(Review(Days(1, 2, 3, 4, 5, 6), now: At(0).AddSeconds(1)).Missing);
        Assert.Empty(Review(Days(0, 1, 2, 3, 4, 5, 6), now: At(0).AddHours(2)).Missing);
    }

    [Fact]
    public void What_was_due_before_the_schedule_was_known_was_never_to_be_made()
    {
        var review = Review([], knownSince: At(2));
        Assert.Equal([At(0), At(1), At(2)], review.Missing);
        Assert.Equal(0, Review([], knownSince: Noon).Expected);
        Assert.Equal(0, MissingBackups.Find(Daily("0 2 * * *"), RetentionPeriod.Parse("7d"), [], null, false, Noon, TimeZoneInfo.Utc).Expected); // unknown
    }

    [Fact]
    public void Monthly_ones_follow_the_calendar()
    {
        var review = MissingBackups.Find(Daily("0 4 1 * *"), RetentionPeriod.Parse("12mo"), [], LongAgo.AddYears(-3), false, Noon, TimeZoneInfo.Utc);
        Assert.Equal((12, new DateTimeOffset(2025, 3, 1, 4, 0, 0, TimeSpan.Zero)), (review.Expected, review.Missing[^1]));
    }

    [Fact]
    public void A_schedule_without_end_is_looked_back_on_only_so_far() =>
        Assert.Equal(1000, MissingBackups.Find(Daily("* * * * *"), RetentionPeriod.Forever, [], LongAgo, false, Noon, TimeZoneInfo.Utc).Expected);

    [Fact]
    public void A_night_in_which_the_clocks_change_expects_one_backup()
    {
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var now = new DateTimeOffset(2026, 10, 27, 12, 0, 0, TimeSpan.Zero);
        Assert.Equal(7, MissingBackups.Find(Daily("30 2 * * *"), RetentionPeriod.Parse("7d"), [], LongAgo, false, now, berlin).Expected);
    }

    [Fact]
    public void A_schedule_is_known_since_its_oldest_backup_and_anew_when_its_cron_changes()
    {
        using var temp = new TempDirectory();
        using var journal = new OperationJournal(JournalDatabase.Open(temp.Path, Noon, out _));
        Note(Noon, Noted("daily", "0 2 * * *", At(6)), Noted("weekly", "0 3 * * 0", null));
        Assert.Equal((At(6), Noon), (Since("daily"), Since("weekly")));

        Note(Noon.AddDays(1), Noted("daily", "0 2 * * *", At(9)), Noted("weekly", "0 3 * * 0", null));
        Assert.Equal((At(6), Noon), (Since("daily"), Since("weekly")));

        Note(Noon.AddDays(2), Noted("daily", "0 5 * * *", At(6)));
        Assert.Equal(Noon.AddDays(2), Since("daily"));
        Assert.DoesNotContain(("itsm", "weekly"), journal.Read().Schedules.Keys);
        Note(Noon.AddDays(3), Noted("daily", "0 5 * * *", At(6)));
        Assert.Equal(Noon.AddDays(2), Since("daily"));

        void Note(DateTimeOffset now, params NotedSchedule[] schedules) => journal.NoteSchedules("itsm", schedules, now, TimeZoneInfo.Utc);
        DateTimeOffset Since(string schedule) => journal.Read().Schedules[("itsm", schedule)];
    }

    [Theory]
    [InlineData("1d", "30d", 0)] // what the shorter period let go was pruned, and is not missing
    [InlineData("7d", "30d", 6)] // what it should have kept is
    [InlineData("1mo", "1y", 30)]
    [InlineData("7d", "1d", 0)]
    [InlineData("forever", "30d", 29)]
    public void A_longer_retention_asks_for_nothing_that_the_shorter_one_had_let_go(string before, string after, int missing)
    {
        using var temp = new TempDirectory();
        using var journal = new OperationJournal(JournalDatabase.Open(temp.Path, Noon, out _));
        foreach (var retention in (string[])[before, after, after])
            journal.NoteSchedules("itsm", [Noted("daily", "0 2 * * *", LongAgo) with { Retention = RetentionPeriod.Parse(retention) }], Noon, TimeZoneInfo.Utc);

        var since = journal.Read().Schedules[("itsm", "daily")];

        Assert.Equal(missing, MissingBackups.Find(Daily("0 2 * * *"), RetentionPeriod.Parse(after), Days(0), since, false, Noon, TimeZoneInfo.Utc).Missing.Count);
    }

    private static NotedSchedule Noted(string name, string cron, DateTimeOffset? oldest) => new(name, cron, RetentionPeriod.Parse("7d"), oldest);

    private static MissingBackups Review(IReadOnlyList<Backup> backups, DateTimeOffset? now = null, DateTimeOffset? knownSince = null, bool isRunning = false) =>
        MissingBackups.Find(Daily("0 2 * * *"), RetentionPeriod.Parse("7d"), backups, knownSince ?? LongAgo, isRunning, now ?? Noon, TimeZoneInfo.Utc);

    private static Schedule Daily(string cron) => new("daily", CronSchedule.Parse(cron), BackupType.Full);

    private static DateTimeOffset At(int daysAgo) => new DateTimeOffset(2026, 2, 14, 2, 0, 0, TimeSpan.Zero).AddDays(-daysAgo);

    private static List<Backup> Days(params int[] daysAgo) => [.. daysAgo.Select(days => SomeBackup.Good(At(days).AddSeconds(5)))];

    private static Backup SetAside(Backup backup) => backup with { Artifact = backup.Artifact with { Name = backup.File + ".bad" } };
}
