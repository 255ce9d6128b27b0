using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Tests.Retention;

/// <summary>
/// The runbook's schedule (RB-BKP-001 section 1) on a simulated clock: every run is followed by retention, as the agent does,
/// and at 05:00 of every day exactly the expected backups are there.
/// </summary>
public class ItsmYearTests
{
    private static readonly Dictionary<string, RetentionPeriod> Periods = new(StringComparer.Ordinal)
    {
        ["daily"] = RetentionPeriod.Parse("7d") with { Holds = 7 },
        ["weekly"] = RetentionPeriod.Parse("4w") with { Holds = 4 },
        ["monthly"] = RetentionPeriod.Parse("12mo") with { Holds = 12 },
    };

    /// <summary>The second year is the one in which everything expires.</summary>
    [Theory]
    [InlineData("Asia/Tokyo")]
    [InlineData("Europe/Berlin")] // skips 02:00 on the last Sunday of March, has it twice in October
    [InlineData("America/New_York")]
    public void After_a_year_of_runs_every_day_of_the_next_has_exactly_the_expected_backups(string zoneName)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneName);
        var start = new DateOnly(2026, 2, 14);
        var kept = new List<Backup>();
        for (var day = start; day < start.AddYears(2); day = day.AddDays(1))
        {
            foreach (var (schedule, hour) in RunsOf(day))
                kept = RunAndPrune(kept, schedule, Instant(day, hour, zone), zone);

            kept = Prune(kept, Instant(day, 5, zone), zone);
            Assert.Equal(Expected(start, day), kept.Select(backup => (backup.Schedule, LocalDay(backup, zone))).Order());
        }

        Assert.Equal(7 + 4 + 12, kept.Count);
    }

    [Fact]
    public void While_every_verification_fails_the_last_good_backup_stays()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");
        var day = new DateOnly(2026, 3, 2);
        List<Backup> kept = [.. Enumerable.Range(0, 7).Select(age => SomeBackup.Good(Instant(day.AddDays(-age), 2, zone)))];
        var newest = kept[0];
        for (var later = day.AddDays(1); later <= day.AddDays(30); later = later.AddDays(1))
        {
            kept.Add(SomeBackup.Corrupt(Instant(later, 2, zone)));
            kept = Prune(kept, Instant(later, 2, zone).AddMinutes(1), zone);
        }

        Assert.Equal(7, kept.Count(backup => backup.State == BackupState.Good)); // as many as a week holds, however old
        Assert.Contains(newest, kept);
        Assert.Equal(30, kept.Count(backup => backup.State == BackupState.Corrupt));
    }

    [Fact]
    public void A_clock_that_is_a_year_ahead_removes_none_of_the_23_backups()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");
        var day = new DateOnly(2027, 2, 14);
        List<Backup> before = [
            .. Enumerable.Range(0, 7).Select(age => SomeBackup.Good(Instant(day.AddDays(-age), 2, zone))),
            .. Enumerable.Range(0, 4).Select(age => SomeBackup.Good(Instant(day.AddDays(-7 * age), 3, zone), "weekly")),
            .. Enumerable.Range(0, 12).Select(age => SomeBackup.Good(Instant(new DateOnly(2027, 2, 1).AddMonths(-age), 4, zone), "monthly"))];
        Assert.Equal(before.Count, Prune(before, Instant(day, 5, zone), zone).Count);

        var kept = before;
        for (var ahead = day.AddYears(1); ahead < day.AddYears(1).AddDays(60); ahead = ahead.AddDays(1))
        {
            foreach (var (schedule, hour) in RunsOf(ahead))
            {
                kept = RunAndPrune(kept, schedule, Instant(ahead, hour, zone), zone);
                Assert.Subset(kept.ToHashSet(), before.ToHashSet());
            }
        }
    }

    /// <summary>Too short a jump for <see cref="ClockCheck"/>, and long enough to make all of a month old.</summary>
    [Fact]
    public void A_clock_that_jumps_33_days_removes_no_more_than_came()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Tokyo");
        var day = new DateOnly(2027, 2, 14);
        List<Backup> kept = [.. Enumerable.Range(0, 7).Select(age => SomeBackup.Good(Instant(day.AddDays(-age), 2, zone)))];
        var before = kept.ToHashSet();
        for (var later = 0; later < 8; later++)
        {
            kept = RunAndPrune(kept, "daily", Instant(day.AddDays(33 + later), 2, zone), zone);
            Assert.Equal(7, kept.Count);
            Assert.Equal(Math.Max(0, 6 - later), kept.Count(before.Contains));
        }
    }

    /// <summary>Whole days on the calendar, without an instant or a zone.</summary>
    private static IOrderedEnumerable<(string, DateOnly)> Expected(DateOnly start, DateOnly today)
    {
        var expected = new List<(string, DateOnly)>();
        for (var day = start; day <= today; day = day.AddDays(1))
        {
            if (today.DayNumber - day.DayNumber < 7)
                expected.Add(("daily", day));
            if (day.DayOfWeek == DayOfWeek.Sunday && today.DayNumber - day.DayNumber < 28)
                expected.Add(("weekly", day));
            if (day.Day == 1 && (today.Year * 12) + today.Month - (day.Year * 12) - day.Month < 12)
                expected.Add(("monthly", day));
        }

        return expected.Order();
    }

    private static IEnumerable<(string Schedule, int Hour)> RunsOf(DateOnly day)
    {
        yield return ("daily", 2);
        if (day.DayOfWeek == DayOfWeek.Sunday)
            yield return ("weekly", 3);
        if (day.Day == 1)
            yield return ("monthly", 4);
    }

    private static List<Backup> RunAndPrune(List<Backup> backups, string schedule, DateTimeOffset capturedAt, TimeZoneInfo zone) =>
        Prune([.. backups, SomeBackup.Good(capturedAt, schedule)], capturedAt.AddSeconds(20), zone);

    private static List<Backup> Prune(List<Backup> backups, DateTimeOffset now, TimeZoneInfo zone) =>
        [.. RetentionPolicy.Decide(backups, Periods, now, zone).Where(decision => decision.Keep).Select(decision => decision.Backup)];

    private static DateTimeOffset Instant(DateOnly day, int hour, TimeZoneInfo zone)
    {
        var local = day.ToDateTime(new TimeOnly(hour, 0));
        return zone.IsInvalidTime(local) ? Instant(day, hour + 1, zone) : new DateTimeOffset(local, zone.GetUtcOffset(local));
    }

    private static DateOnly LocalDay(Backup backup, TimeZoneInfo zone) =>
        DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(backup.CapturedAt, zone).DateTime);
}
