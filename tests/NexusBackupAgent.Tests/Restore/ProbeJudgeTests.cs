using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Restore;

public sealed class ProbeJudgeTests
{
    private static readonly DateTimeOffset CapturedAt = new(2026, 2, 14, 2, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("ok", "ok", true)]
    [InlineData("ok", "OK", false)]
    [InlineData("ok", "ok ", false)]
    [InlineData("1000", "1000", true)]
    [InlineData("1000", "1000.0", false)]
    [InlineData("= 1000", "1000.0", true)]
    [InlineData("=1e3", "1000", true)]
    [InlineData("!= 0", "0.00", false)]
    [InlineData("!= 0", "", true)]
    [InlineData(">= 1000", "999", false)]
    [InlineData(">=1000", "1000", true)]
    [InlineData("> 9", "10", true)]
    [InlineData("> 9", "9", false)]
    [InlineData("< -1", "-2", true)]
    [InlineData("<= 9223372036854775806", "9223372036854775807", false)]
    [InlineData("> 1e300", "1e301", true)]
    [InlineData(">= 2026-01-01", "2026-02-14 02:00:00", true)]
    [InlineData(">= b", "a", false)]
    [InlineData("= >x", ">x", true)]
    public void An_answer_is_compared_with_what_was_expected(string expect, string answer, bool passes) =>
        Assert.Equal(passes, Judge(new Probe("q", expect, MaxAge: null), answer).Passed);

    [Fact]
    public void Of_two_whole_numbers_exactly_one_comparison_of_three_holds() => Prop.ForAll<long, long>((answer, value) =>
    {
        bool Holds(string sign) => Judge(new Probe("q", $"{sign} {value.ToString(CultureInfo.InvariantCulture)}", MaxAge: null), answer.ToString(CultureInfo.InvariantCulture)).Passed;

        Assert.Equal((answer < value, answer == value, answer > value), (Holds("<"), Holds("="), Holds(">")));
        Assert.Equal((answer <= value, answer != value, answer >= value), (Holds("<="), Holds("!="), Holds(">=")));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_without_a_sign_expects_itself() => Prop.ForAll<NonEmptyString>(text =>
    {
        var value = text.Get.TrimStart('<', '>', '=', '!') is { Length: > 0 } rest ? rest : "x";

        Assert.True(Expectation.Parse(value).IsMetBy(value));
        Assert.False(Expectation.Parse(value).IsMetBy(value + "x"));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_expectation_is_read_back_as_it_was_written() => Prop.ForAll<NonEmptyString, NonEmptyString>((text, answer) =>
    {
        foreach (var sign in (string[])["", ">", ">=", "<", "<=", "=", "!="])
        {
            var written = sign + (text.Get.Trim().TrimStart('<', '>', '=', '!') is { Length: > 0 } rest ? rest : "x");
            var first = Expectation.Parse(written);

            Assert.Equal(first.IsMetBy(answer.Get), Expectation.Parse(first.ToString()).IsMetBy(answer.Get));
        }
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("2026-02-14 01:00:00", true)]
    [InlineData("2026-02-14T01:00:00Z", true)]
    [InlineData("2026-02-14T01:00:00.1234567Z", true)]
    [InlineData("2026-02-14 01:00:00.5", true)]
    [InlineData("2026-02-14T10:00:00+09:00", true)]
    [InlineData("2026-02-14T00:59", false)]
    [InlineData("2026-02-14T09:59:59+09:00", false)]
    [InlineData("2026-02-14", false)]
    [InlineData("1771030800", true)] // 01:00:00
    [InlineData("1771030799", false)]
    [InlineData("1771030800000", true)]
    [InlineData("1771030799999", false)]
    [InlineData("1771030800.25", true)]
    [InlineData("2026-02-14 02:04:00", true)] // clocks may differ a little
    [InlineData("2026-02-14 11:00:00", false)] // local time in Tokyo, which would hide for hours that nothing new is there
    [InlineData("yesterday", false)]
    [InlineData("14/02/2026", false)]
    [InlineData("1e40", false)]
    public void A_time_may_be_an_hour_older_than_the_capture_and_no_more(string answer, bool passes) =>
        Assert.Equal(passes, Judge(new Probe("q", Expect: null, TimeSpan.FromHours(1)), answer).Passed);

    [Fact]
    public void Seconds_milliseconds_and_text_of_one_instant_are_judged_alike() => Prop.ForAll<int>(scale =>
    {
        var secondsBefore = scale * 4321;
        var instant = CapturedAt.AddSeconds(-(long)secondsBefore);
        var probe = new Probe("q", Expect: null, TimeSpan.FromDays(2));
        string[] answers = [$"{instant.ToUnixTimeSeconds()}", $"{instant:yyyy-MM-dd HH:mm:ss}", $"{instant.ToOffset(TimeSpan.FromHours(9)):yyyy-MM-ddTHH:mm:sszzz}"];
        if (instant.ToUnixTimeMilliseconds() >= 100_000_000_000) // before 1973, milliseconds look like seconds
            answers = [.. answers, $"{instant.ToUnixTimeMilliseconds()}"];

        Assert.All(answers, answer => Assert.Equal(secondsBefore >= -300 && secondsBefore <= 2 * 86400, Judge(probe, answer).Passed));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Without_a_row_no_probe_passes() => Assert.Equal("it returned no row", ProbeJudge.Judge(new Probe("q", null, null), new ProbeAnswer(HasRow: false, null), CapturedAt).Detail);

    [Fact]
    public void Null_is_an_answer_only_where_nothing_is_expected()
    {
        var nothing = new ProbeAnswer(HasRow: true, Text: null);

        Assert.True(ProbeJudge.Judge(new Probe("q", null, null), nothing, CapturedAt).Passed);
        Assert.False(ProbeJudge.Judge(new Probe("q", "!= 1", null), nothing, CapturedAt).Passed);
        Assert.False(ProbeJudge.Judge(new Probe("q", null, TimeSpan.FromDays(1)), nothing, CapturedAt).Passed);
    }

    [Fact]
    public void Both_the_value_and_the_age_have_to_be_right()
    {
        var probe = new Probe("q", ">= 2026-02-14", TimeSpan.FromHours(1));

        Assert.True(Judge(probe, "2026-02-14 01:30:00").Passed);
        Assert.False(Judge(probe, "2026-02-14 00:30:00").Passed);
        Assert.Equal(">= 2026-02-14, not older than 1 h", Judge(probe, "x").Expectation);
    }

    private static NexusBackupAgent.Catalog.ProbeResult Judge(Probe probe, string answer) => ProbeJudge.Judge(probe, new ProbeAnswer(HasRow: true, answer), CapturedAt);
}
