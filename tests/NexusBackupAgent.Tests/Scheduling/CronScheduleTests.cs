using System.Globalization;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>Each row: expression, zone, an instant, and the next occurrences after it.</summary>
public class CronScheduleTests
{
    private const string Tokyo = "Asia/Tokyo";
    private const string Berlin = "Europe/Berlin";
    private const string NewYork = "America/New_York";
    private const string LordHowe = "Australia/Lord_Howe";

    [Theory]
    // plain
    [InlineData("* * * * *", "UTC", "2026-02-14T02:00:00Z", "2026-02-14T02:01:00Z", "2026-02-14T02:02:00Z")]
    [InlineData("* * * * *", "UTC", "2026-02-14T02:00:59.9999999Z", "2026-02-14T02:01:00Z")]
    [InlineData("*/15 8-9 * * *", "UTC", "2026-02-14T09:40:00Z", "2026-02-14T09:45:00Z", "2026-02-15T08:00:00Z")]
    [InlineData("*/20 * * * * *", "UTC", "2026-02-14T02:00:30Z", "2026-02-14T02:00:40Z", "2026-02-14T02:01:00Z")]
    [InlineData("0 0 1 1 *", "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z")]
    // the runbook's schedule
    [InlineData("0 2 * * *", Tokyo, "2026-02-14T01:59:59+09:00", "2026-02-14T02:00:00+09:00", "2026-02-15T02:00:00+09:00")]
    [InlineData("0 3 * * 0", Tokyo, "2026-02-14T03:00:00+09:00", "2026-02-15T03:00:00+09:00", "2026-02-22T03:00:00+09:00")]
    [InlineData("0 4 1 * *", Tokyo, "2026-02-14T03:00:00+09:00", "2026-03-01T04:00:00+09:00", "2026-04-01T04:00:00+09:00")]
    // names
    [InlineData("0 9 * * MON-FRI", Tokyo, "2026-02-13T09:00:00+09:00", "2026-02-16T09:00:00+09:00", "2026-02-17T09:00:00+09:00")]
    [InlineData("0 0 1 JAN,JUL *", Tokyo, "2026-02-13T09:00:00+09:00", "2026-07-01T00:00:00+09:00", "2027-01-01T00:00:00+09:00")]
    // month ends and leap years
    [InlineData("0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z")]
    [InlineData("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z")]
    [InlineData("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z")]
    [InlineData("0 0 29 2 MON", "UTC", "2072-03-01T00:00:00Z", "2112-02-29T00:00:00Z", "2140-02-29T00:00:00Z")]
    // day of month and day of week must both match
    [InlineData("0 0 13 * 5", "UTC", "2026-02-14T00:00:00Z", "2026-03-13T00:00:00Z", "2026-11-13T00:00:00Z")]
    // Berlin skips 02:00 to 03:00: once, at the first instant after the jump
    [InlineData("0 2 * * *", Berlin, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00")]
    [InlineData("30 2 * * *", Berlin, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00")]
    [InlineData("15,45 2 * * *", Berlin, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:15:00+02:00")]
    [InlineData("0 3 * * 0", Berlin, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-04-05T03:00:00+02:00")]
    [InlineData("30 2,3 * * *", Berlin, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00")]
    [InlineData("*/30 * * * *", Berlin, "2026-03-29T01:00:00+01:00", "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00")]
    [InlineData("15 * * * *", Berlin, "2026-03-29T01:00:00+01:00", "2026-03-29T01:15:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00")]
    // Berlin has 02:00 to 03:00 twice: a time of day happens in the first, an interval in both
    [InlineData("30 2 * * *", Berlin, "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00")]
    [InlineData("0 2 * * *", Berlin, "2026-10-24T12:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-26T02:00:00+01:00")]
    [InlineData("0 2 * * *", Berlin, "2026-10-25T02:30:00+01:00", "2026-10-26T02:00:00+01:00")]
    [InlineData("0 3 * * 0", Berlin, "2026-10-24T12:00:00+02:00", "2026-10-25T03:00:00+01:00", "2026-11-01T03:00:00+01:00")]
    [InlineData("30 * * * *", Berlin, "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00")]
    [InlineData("*/30 2 * * *", Berlin, "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:00:00+01:00")]
    // New York
    [InlineData("30 2 * * *", NewYork, "2026-03-08T01:59:59-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00")]
    [InlineData("30 1 * * *", NewYork, "2026-11-01T00:59:59-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00")]
    [InlineData("30 * * * *", NewYork, "2026-11-01T00:59:59-04:00", "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-01T02:30:00-05:00")]
    [InlineData("0 0,45 1,2 * * *", NewYork, "2026-11-01T00:59:59-04:00", "2026-11-01T01:00:00-04:00", "2026-11-01T01:45:00-04:00", "2026-11-01T02:00:00-05:00")]
    // Lord Howe moves by half an hour: 02:00 to 02:30 skipped in October, 01:30 to 02:00 twice in April
    [InlineData("15 2 * * *", LordHowe, "2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00")]
    [InlineData("*/15 * * * *", LordHowe, "2026-10-04T01:30:00+10:30", "2026-10-04T01:45:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T02:45:00+11:00")]
    [InlineData("45 1 * * *", LordHowe, "2026-04-05T01:00:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30")]
    [InlineData("*/15 1 * * *", LordHowe, "2026-04-05T01:30:00+11:00", "2026-04-05T01:45:00+11:00", "2026-04-05T01:30:00+10:30", "2026-04-05T01:45:00+10:30", "2026-04-06T01:00:00+10:30")]
    // a jump at midnight, a negative daylight saving, and a day left out at the date line
    [InlineData("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00")]
    [InlineData("30 1 * * *", "Europe/Dublin", "2026-10-25T00:00:00+01:00", "2026-10-25T01:30:00+01:00", "2026-10-26T01:30:00Z")]
    [InlineData("30 1 * * *", "Europe/Dublin", "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00", "2026-03-30T01:30:00+01:00")]
    [InlineData("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00")]
    public void Occurrences_follow_one_another(string expression, string zone, string after, params string[] expected)
    {
        var (schedule, timeZone) = (CronSchedule.Parse(expression), TimeZoneInfo.FindSystemTimeZoneById(zone));
        var instants = expected.Select(Instant).ToArray();
        var found = new List<DateTimeOffset?>();
        var last = Instant(after);
        for (var i = 0; i < instants.Length && schedule.GetNextOccurrence(last, timeZone) is { } next; i++)
            found.Add(last = next);

        Assert.Equal(instants.Cast<DateTimeOffset?>(), found);
        Assert.All(found, instant => Assert.Equal(TimeSpan.Zero, instant!.Value.Offset));

        // The way back.
        for (var i = instants.Length - 1; i >= 0; i--)
        {
            Assert.Equal(instants[i], schedule.GetPreviousOccurrence(instants[i], timeZone));
            if (i > 0)
                Assert.Equal(instants[i - 1], schedule.GetPreviousOccurrence(instants[i].AddTicks(-1), timeZone));
        }

        Assert.True(schedule.GetPreviousOccurrence(instants[0].AddTicks(-1), timeZone) <= Instant(after));
    }

    [Theory]
    [InlineData("0 0 30 2 *")]
    [InlineData("0 0 31 2,4,6,9,11 *")]
    public void A_date_that_does_not_exist_never_comes_and_never_was(string expression)
    {
        var schedule = CronSchedule.Parse(expression);

        Assert.Null(schedule.GetNextOccurrence(Instant("2026-02-14T02:00:00Z"), TimeZoneInfo.FindSystemTimeZoneById(Berlin)));
        Assert.Null(schedule.GetPreviousOccurrence(Instant("2026-02-14T02:00:00Z"), TimeZoneInfo.FindSystemTimeZoneById(Berlin)));
    }

    [Theory]
    [InlineData("* * * * *")]
    [InlineData("0 0 29 2 *")]
    [InlineData("0 0 30 2 *")]
    public void The_ends_of_the_calendar_do_no_harm(string expression)
    {
        var (schedule, zone) = (CronSchedule.Parse(expression), TimeZoneInfo.FindSystemTimeZoneById(Berlin));

        Assert.Null(schedule.GetNextOccurrence(DateTimeOffset.MaxValue, zone));
        Assert.Null(schedule.GetPreviousOccurrence(DateTimeOffset.MinValue, zone));
        _ = schedule.GetNextOccurrence(DateTimeOffset.MinValue, zone);
        _ = schedule.GetPreviousOccurrence(DateTimeOffset.MaxValue, zone);
    }

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
