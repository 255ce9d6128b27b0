namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>Each alert at each of its levels is seen silent, firing and clear in the rules' tests; NormalOperationTests see all of them silent for a fortnight.</summary>
public sealed class AlertCoverageTests
{
    public static TheoryData<string> Alerts => [.. RuleFile.Alerts.Where(rule => rule.Level.Length > 0).Select(rule => rule.Title)];

    [Theory]
    [MemberData(nameof(Alerts))]
    public void It_is_seen_firing_and_not_firing_shortly_before(string alert)
    {
        var rule = RuleOf(alert);

        Assert.Contains(PromtoolTest.All, test => Firing(test, rule).Any(at => Silent(test, rule).Any(before => before < at)));
    }

    [Theory]
    [MemberData(nameof(Alerts))]
    public void It_is_seen_to_clear(string alert)
    {
        var rule = RuleOf(alert);

        Assert.Contains(PromtoolTest.All, test => Firing(test, rule).Any(at => Silent(test, rule).Any(after => after > at)));
    }

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Its_text_is_checked_word_for_word(string alert)
    {
        var rule = RuleOf(alert);

        var texts = PromtoolTest.All.SelectMany(test => test.AlertRuleTest).Where(check => check.Alertname == rule.Alert)
            .SelectMany(check => check.ExpAlerts).Where(expected => expected.ExpLabels["level"] == rule.Level).ToList();

        Assert.NotEmpty(texts);
        Assert.All(texts, text => Assert.Equal(rule.Annotations.Keys.Order(), text.ExpAnnotations.Keys.Order()));
    }

    [Fact]
    public void The_watchdog_is_seen_firing_from_the_beginning() => Assert.Contains(
        PromtoolTest.All,
        test => test.PromqlExprTest.Any(check => check.At == TimeSpan.Zero && check.Sees(RuleOf("NexusBackupWatchdog/"))));

    private static Rule RuleOf(string title) => RuleFile.Alerts.Single(rule => rule.Title == title);

    private static IEnumerable<TimeSpan> Firing(PromtoolTest test, Rule rule) => test.PromqlExprTest.Where(check => check.Sees(rule)).Select(check => check.At);

    private static IEnumerable<TimeSpan> Silent(PromtoolTest test, Rule rule) => test.PromqlExprTest.Where(check => check.SeesEverything && !check.Sees(rule)).Select(check => check.At);
}
