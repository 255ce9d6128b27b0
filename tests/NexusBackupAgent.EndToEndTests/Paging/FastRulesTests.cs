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
    public void Nothing_is_looked_at_for_longer_than_a_minute_except_for_what_takes_days() =>
        Assert.DoesNotMatch(@"(?:\[|offset |interval: |keep_firing_for: )(?!260s|180s)(?:[0-9]+[mhd]|[1-9][0-9]{2,}s|[7-9][0-9]s)", FastRules.Text);

    [Theory]
    [InlineData("scheduler_idle_seconds[5s]) > 25")]
    [InlineData("agent_silence_seconds > 10 ")]
    public void A_scheduler_counts_as_stuck_and_an_agent_as_dead_sooner(string expression) => Assert.Contains(expression, FastRules.Text, StringComparison.Ordinal);

    private static IEnumerable<(string Shipped, string Fast)> ChangedLines() =>
        File.ReadAllLines(RuleFile.Path).Zip(FastRules.Text.Split('\n')).Where(line => line.First != line.Second);

    [GeneratedRegex(@"\d+[smhd]?\b")]
    private static partial Regex Time();
}
