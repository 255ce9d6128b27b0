using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Alerts;
using AgentMetrics = NexusBackupAgent.EndToEndTests.Alerts.Metrics;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>What the product promises about its dashboards.</summary>
public sealed class DashboardTests
{
    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Its_identity_is_that_of_its_file_and_the_numeric_id_is_left_to_Grafana(string name)
    {
        var dashboard = new Dashboard(name).Json;

        Assert.Equal(Path.GetFileNameWithoutExtension(name), dashboard.GetProperty("uid").GetString());
        Assert.Equal(JsonValueKind.Null, dashboard.GetProperty("id").ValueKind);
        Assert.False(dashboard.TryGetProperty("__inputs", out _));
    }

    [Theory]
    [MemberData(nameof(Dashboard.All), MemberType = typeof(Dashboard))]
    public void Panels_have_unique_numbers_and_do_not_overlap(string name)
    {
        var dashboard = new Dashboard(name);
        Assert.Distinct(dashboard.Panels.Concat(dashboard.Rows).Select(panel => panel.GetProperty("id").GetInt32()));

        // What is shown beside each other: everything at the first look, and the panels of each row.
        foreach (var shown in dashboard.Rows.Select(row => row.GetProperty("panels")).Prepend(dashboard.Json.GetProperty("panels")))
        {
            var cells = shown.EnumerateArray().SelectMany(panel => Cells(panel.GetProperty("gridPos"))).ToList();
            Assert.Distinct(cells);
            Assert.All(cells, cell => Assert.InRange(cell.X, 0, 23));
        }
    }

    [Fact]
    public void Both_lead_to_each_other_with_what_is_chosen_and_to_the_runbook()
    {
        string[] LinksOf(string name) => [.. new Dashboard(name).Json.GetProperty("links").EnumerateArray().Select(link => $"{link.GetProperty("url")} {link.GetProperty("includeVars")}")];
        static string Runbook(string page) => $"https://github.com/nexus-backup/nexus-backup-agent/blob/main/docs/{page} False";

        Assert.Equal(["/d/nexus-backup-source True", Runbook("runbook.md")], LinksOf("nexus-backup-overview.json"));
        Assert.Equal(["/d/nexus-backup-overview True", Runbook("runbook.md")], LinksOf("nexus-backup-source.json"));
        Assert.Equal(["/d/nexus-backup-source True", Runbook("runbook.ja.md")], LinksOf("ja/nexus-backup-overview.json"));
    }

    [Theory]
    [MemberData(nameof(Dashboard.English), MemberType = typeof(Dashboard))]
    public void It_uses_only_metrics_that_exist(string name)
    {
        var known = RuleFile.Rules.Select(rule => rule.Record).OfType<string>()
            .Concat(AgentMetrics.Exported)
            .Concat(AgentMetrics.FromPrometheus);

        Assert.Empty(AgentMetrics.NamesIn(new Dashboard(name).Text).Except(known));
    }

    private static IEnumerable<(int X, int Y)> Cells(JsonElement position) =>
        from x in Enumerable.Range(position.GetProperty("x").GetInt32(), position.GetProperty("w").GetInt32())
        from y in Enumerable.Range(position.GetProperty("y").GetInt32(), position.GetProperty("h").GetInt32())
        select (x, y);
}
