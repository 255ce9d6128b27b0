using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Alerts;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>What is proven with the hurried rules is proven of the shipped ones.</summary>
public sealed partial class FastRulesTests
{
    [Fact]
    public void They_differ_from_the_shipped_rules_in_nothing_but_durations()
    {
        var changed = ChangedLines().ToList();

        Assert.NotEmpty(changed);
        Assert.All(changed, line => Assert.Equal(Time().Replace(line.Shipped, "T"), Time().Replace(line.Fast, "T")));
    }

    [Fact]
    public void No_alert_waits_longer_than_90_seconds_except_for_what_is_a_day_late() => Assert.All(
        FastRules.Text.Split('\n').Where(line => line.Contains(" for: ", StringComparison.Ordinal)),
        line => Assert.Matches(@" for: ([1-8]?\d|260)s$", line));

    [Fact]
    public void A_scheduler_counts_as_stuck_sooner() =>
        Assert.Equal(1, ChangedLines().Count(line => line.Fast.Contains($"> {FastRules.StuckAfter}", StringComparison.Ordinal)));

    private static IEnumerable<(string Shipped, string Fast)> ChangedLines() =>
        File.ReadAllLines(RuleFile.Path).Zip(FastRules.Text.Split('\n')).Where(line => line.First != line.Second);

    [GeneratedRegex(@"\d+[smhd]\b|(?<=_seconds:last_known > )\d+")]
    private static partial Regex Time();
}
