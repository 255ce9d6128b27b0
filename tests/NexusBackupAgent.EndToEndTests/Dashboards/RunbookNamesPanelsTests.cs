using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>Whoever is sent to a dashboard by the runbook finds there what it names, in the language of the page.</summary>
public sealed partial class RunbookNamesPanelsTests
{
    [Theory]
    [InlineData("runbook.md", "dashboard", "")]
    [InlineData("runbook.ja.md", "ダッシュボード", "ja/")]
    public void Each_panel_and_column_that_the_runbook_names_exists(string page, string word, string edition)
    {
        var titles = Dashboard.Shipped.SelectMany(dashboard => TitlesOf(new Dashboard(edition + dashboard.Name))).ToHashSet();

        var named = File.ReadLines(Repository.File("docs", page)).Where(line => line.Contains(word, StringComparison.Ordinal))
            .SelectMany(line => Quoted().Matches(line)).Select(match => match.Groups[1].Value).ToList();

        Assert.NotEmpty(named);
        Assert.Empty(named.Except(titles));
    }

    /// <summary>Of its panels, and of the columns of its tables.</summary>
    private static IEnumerable<string> TitlesOf(Dashboard dashboard) => dashboard.Panels.Select(Dashboard.TitleOf).Concat(
        from panel in dashboard.Panels
        from one in panel.GetProperty("fieldConfig").GetProperty("overrides").EnumerateArray()
        from property in one.GetProperty("properties").EnumerateArray()
        where property.GetProperty("id").GetString() == "displayName"
        select property.GetProperty("value").GetString()!);

    [GeneratedRegex("[\"「]([^\"」]+)[\"」]")]
    private static partial Regex Quoted();
}
