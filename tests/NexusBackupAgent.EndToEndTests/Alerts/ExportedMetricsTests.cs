using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The list of metrics, by which the rules, the dashboards and the documentation are checked, is what the agent exports.</summary>
public sealed partial class ExportedMetricsTests
{
    [Fact]
    public async Task The_agent_exports_the_listed_metrics_and_no_others_with_the_same_types()
    {
        await using var agent = await RunningAgent.StartAsync();

        var scrape = await agent.GetUntilAsync("metrics", _ => true);

        Assert.Equal(TypesIn(Metrics.SampleScrape), TypesIn(scrape));
    }

    private static IEnumerable<string> TypesIn(string scrape) => TypeLine().Matches(scrape).Select(line => line.Value).Order(StringComparer.Ordinal);

    [GeneratedRegex("^# TYPE .*$", RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
