using NexusBackupAgent.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

public sealed class RestoreTimeTests
{
    [Theory]
    // to the end of what is named, in the configured zone
    [InlineData("2026-02-14", "2026-02-14T14:59:59.9999999Z")]
    [InlineData("2026-02-14 02:00", "2026-02-13T17:00:59.9999999Z")]
    [InlineData("2026-02-14T02:00", "2026-02-13T17:00:59.9999999Z")]
    [InlineData("2026-02-14 02:00:30", "2026-02-13T17:00:30.9999999Z")]
    [InlineData("2026-02-14T02:00:30", "2026-02-13T17:00:30.9999999Z")]
    // with an offset the zone does not matter
    [InlineData("2026-02-13T17:00:00Z", "2026-02-13T17:00:00.9999999Z")]
    [InlineData("2026-02-13T17:00Z", "2026-02-13T17:00:59.9999999Z")]
    [InlineData("2026-02-13T18:00:00+01:00", "2026-02-13T17:00:00.9999999Z")]
    [InlineData("2026-02-13T17:00:00.5Z", "2026-02-13T17:00:00.5Z")]
    // what is none
    [InlineData("yesterday", null)]
    [InlineData("2026-02-30", null)]
    [InlineData("02:00", null)]
    [InlineData("", null)]
    public void A_time_is_read_in_the_configured_zone_to_the_end_of_what_it_names(string text, string? expected) =>
        Assert.Equal(expected is null ? null : DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), RestoreTime.Parse(text, Some.Tokyo)?.At);

    [Theory]
    [InlineData("2026-02-14", "2026-02-13T15:00:00Z")]
    [InlineData("2026-02-14 02:00", "2026-02-13T17:00:00Z")]
    [InlineData("2026-02-13T17:00:30Z", "2026-02-13T17:00:30Z")]
    [InlineData("2026-02-13T17:00:00.5Z", null)]
    public void It_knows_where_what_it_names_begins(string text, string? expected) =>
        Assert.Equal(expected is null ? null : DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), RestoreTime.Parse(text, Some.Tokyo)!.AtFrom);

    [Theory]
    [InlineData("2026-03-29 02:30", "2026-03-29T01:30:59.9999999Z")] // skipped
    [InlineData("2026-10-25 02:30", "2026-10-25T01:30:59.9999999Z")] // comes twice: the later
    public void A_change_of_clocks_does_not_confuse_it(string text, string expected) => Assert.Equal(
        DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), RestoreTime.Parse(text, TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"))?.At);
}
