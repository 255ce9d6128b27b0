using System.Globalization;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Tests.Retention;

public class RetentionPeriodTests
{
    [Theory]
    // as documented
    [InlineData("36h", "36h")]
    [InlineData("7d", "7d")]
    [InlineData("4w", "4w")]
    [InlineData("12mo", "12mo")]
    [InlineData("1y", "1y")]
    [InlineData("forever", "forever")]
    // as people write
    [InlineData(" 7 d ", "7d")]
    [InlineData("12 MO", "12mo")]
    [InlineData("007D", "7d")]
    [InlineData("Forever", "forever")]
    // the limits
    [InlineData("1h", "1h")]
    [InlineData("1000y", "1000y")]
    [InlineData("12000mo", "12000mo")]
    public void A_period_is_read_and_written_in_its_shortest_form(string text, string canonical)
    {
        var period = RetentionPeriod.Parse(text);

        Assert.Equal(canonical, period.ToString());
        Assert.Equal(period, RetentionPeriod.Parse(canonical));
    }

    [Theory]
    [InlineData("7x", "'7x' is not a period: write a whole number and one of h, d, w, mo, y, for example 7d")]
    [InlineData("", "is not a period")]
    [InlineData("d", "is not a period")]
    [InlineData("7", "is not a period")]
    [InlineData("-7d", "is not a period")]
    [InlineData("1.5d", "is not a period")]
    [InlineData("7d 3h", "is not a period")]
    [InlineData("７d", "is not a period")]
    [InlineData("12m", "for months write mo, for example 12mo")]
    [InlineData("12M", "for months write mo, for example 12mo")]
    [InlineData("0d", "would keep nothing")]
    [InlineData("1001y", "too long")]
    [InlineData("99999999999999999999d", "too long")]
    [InlineData("2147483647w", "too long")]
    public void What_is_no_period_is_refused_with_what_to_write(string text, string expected)
    {
        var refused = Assert.Throws<WrongTextException>(() => RetentionPeriod.Parse(text));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Theory]
    // hours, days and weeks are exact, also across a change of the clocks
    [InlineData("36h", "Asia/Tokyo", "2026-02-14T02:00:00+09:00", "2026-02-15T14:00:00+09:00")]
    [InlineData("7d", "Asia/Tokyo", "2026-02-14T02:00:00+09:00", "2026-02-21T02:00:00+09:00")]
    [InlineData("4w", "Asia/Tokyo", "2026-02-15T03:00:00+09:00", "2026-03-15T03:00:00+09:00")]
    [InlineData("7d", "Europe/Berlin", "2026-03-25T02:00:00+01:00", "2026-04-01T03:00:00+02:00")]
    [InlineData("4w", "Europe/Berlin", "2026-10-04T03:00:00+02:00", "2026-11-01T02:00:00+01:00")]
    // months and years are steps on the calendar
    [InlineData("12mo", "Asia/Tokyo", "2026-02-01T04:00:00+09:00", "2027-02-01T04:00:00+09:00")]
    [InlineData("1y", "Asia/Tokyo", "2026-02-01T04:00:00+09:00", "2027-02-01T04:00:00+09:00")]
    [InlineData("6mo", "Europe/Berlin", "2026-01-01T04:00:00+01:00", "2026-07-01T04:00:00+02:00")]
    // the zone's calendar counts, not UTC's: in Tokyo this is 1 March
    [InlineData("1mo", "Asia/Tokyo", "2026-02-28T19:00:00+00:00", "2026-04-01T04:00:00+09:00")]
    // short months end on their last day
    [InlineData("1mo", "Asia/Tokyo", "2026-01-31T04:00:00+09:00", "2026-02-28T04:00:00+09:00")]
    [InlineData("1mo", "Asia/Tokyo", "2028-01-31T04:00:00+09:00", "2028-02-29T04:00:00+09:00")]
    [InlineData("1y", "Asia/Tokyo", "2028-02-29T04:00:00+09:00", "2029-02-28T04:00:00+09:00")]
    // a skipped local time moves forward, a repeated one is its second pass
    [InlineData("1mo", "Europe/Berlin", "2026-02-28T02:30:00+01:00", "2026-03-28T02:30:00+01:00")]
    [InlineData("1mo", "Europe/Berlin", "2027-02-28T02:30:00+01:00", "2027-03-28T03:30:00+02:00")]
    [InlineData("1mo", "Europe/Berlin", "2026-09-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00")]
    public void A_backup_expires_when_its_period_has_passed(string period, string zone, string capturedAt, string expected)
    {
        var expiresAt = RetentionPeriod.Parse(period).ExpiresAt(Instant(capturedAt), TimeZoneInfo.FindSystemTimeZoneById(zone));

        Assert.Equal(Instant(expected), expiresAt);
    }

    [Fact]
    public void What_is_kept_for_ever_never_expires()
    {
        Assert.Null(RetentionPeriod.Forever.ExpiresAt(Instant("2026-02-14T02:00:00Z"), TimeZoneInfo.Utc));
        Assert.Equal(RetentionPeriod.Forever, default);
    }

    [Theory]
    [InlineData("1000y")]
    [InlineData("12000mo")]
    [InlineData("53000w")]
    public void A_period_beyond_the_end_of_the_calendar_never_expires(string period) =>
        Assert.Null(RetentionPeriod.Parse(period).ExpiresAt(Instant("9990-01-01T00:00:00Z"), TimeZoneInfo.Utc));

    private static DateTimeOffset Instant(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
