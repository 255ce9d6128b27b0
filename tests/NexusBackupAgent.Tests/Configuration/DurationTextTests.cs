using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Tests.Configuration;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("0s", 0)]
    [InlineData("30s", 30)]
    [InlineData("10m", 600)]
    [InlineData("24h", 86_400)]
    [InlineData("2d", 172_800)]
    [InlineData("3650d", 315_360_000)]
    public void A_number_and_a_unit_are_a_duration(string text, double seconds) =>
        Assert.Equal(seconds, DurationText.Parse(text).TotalSeconds);

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("30")]
    [InlineData("30 s")]
    [InlineData("+30s")]
    [InlineData("30S")]
    [InlineData("1h30m")]
    [InlineData("１s")]
    [InlineData("3651d")]
    [InlineData("99999999999999999999d")]
    public void Anything_else_is_none(string text) => Assert.Throws<FormatException>(() => DurationText.Parse(text));

    [Theory]
    [InlineData("0s")]
    [InlineData("90s")]
    [InlineData("10m")]
    [InlineData("48h")]
    [InlineData("25h")]
    [InlineData("3d")]
    public void A_duration_is_written_as_it_would_be_configured(string text) =>
        Assert.Equal(text, DurationText.Format(DurationText.Parse(text)));
}
