using System.Text.Json;

namespace NexusBackupAgent.EndToEndTests.Alerts;

public sealed class DashboardTests
{
    [Fact]
    public void Its_identity_is_stable_and_leaves_the_numeric_id_to_Grafana()
    {
        Assert.Equal("nexus-backup-overview", Dashboard.Json.GetProperty("uid").GetString());
        Assert.Equal(JsonValueKind.Null, Dashboard.Json.GetProperty("id").ValueKind);
    }

    [Fact]
    public void It_can_be_provisioned_because_it_asks_nothing_at_import()
    {
        Assert.False(Dashboard.Json.TryGetProperty("__inputs", out _));
        Assert.Equal(["datasource", "job", "instance", "source"], VariableNames());
    }

    [Fact]
    public void Panels_have_unique_numbers_and_do_not_overlap()
    {
        var panels = Dashboard.Json.GetProperty("panels").EnumerateArray().ToList();
        Assert.Distinct(panels.Select(panel => panel.GetProperty("id").GetInt32()));

        var cells = panels.SelectMany(panel => Cells(panel.GetProperty("gridPos"))).ToList();
        Assert.Distinct(cells);
        Assert.All(cells, cell => Assert.InRange(cell.X, 0, 23));
    }

    [Fact]
    public void Each_panel_says_what_it_shows_where_from_and_in_which_unit()
    {
        Assert.All(Dashboard.Panels, panel =>
        {
            Assert.NotEmpty(panel.GetProperty("title").GetString()!);
            Assert.NotEmpty(panel.GetProperty("description").GetString()!);
            Assert.Equal("${datasource}", panel.GetProperty("datasource").GetProperty("uid").GetString());
            Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString()!);
        });
    }

    [Fact]
    public void Each_query_respects_the_chosen_job_and_agent()
    {
        var queries = from panel in Dashboard.Panels
                      from target in panel.GetProperty("targets").EnumerateArray()
                      select target.GetProperty("expr").GetString()!;

        var selectors = queries.SelectMany(Metrics.SelectorsIn).ToList();

        Assert.NotEmpty(selectors);
        Assert.All(selectors, selector => Assert.Matches(@"job=~""\$job"", instance=~""\$instance\|?""", selector));
    }

    [Fact]
    public void Store_panels_turn_orange_at_80_percent_and_red_at_90_as_the_alerts_do()
    {
        var thresholds = Dashboard.Panels
            .Where(panel => panel.GetProperty("targets")[0].GetProperty("expr").GetString()!.Contains("disk_used_ratio", StringComparison.Ordinal))
            .Select(panel => panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("thresholds").GetProperty("steps"))
            .Select(steps => steps.EnumerateArray().Skip(1).Select(step => step.GetProperty("value").GetDouble()).ToArray())
            .ToList();

        Assert.Equal(3, thresholds.Count);
        Assert.All(thresholds, values => Assert.Equal([0.8, 0.9], values));
    }

    [Fact]
    public void It_uses_only_metrics_that_exist()
    {
        var known = RuleFile.Rules.Select(rule => rule.Record).OfType<string>()
            .Concat(Metrics.Exported)
            .Concat(Metrics.FromPrometheus);

        Assert.Empty(Metrics.NamesIn(Dashboard.Text).Except(known));
    }

    private static IEnumerable<string> VariableNames() =>
        Dashboard.Json.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Select(variable => variable.GetProperty("name").GetString()!);

    private static IEnumerable<(int X, int Y)> Cells(JsonElement position) =>
        from x in Enumerable.Range(position.GetProperty("x").GetInt32(), position.GetProperty("w").GetInt32())
        from y in Enumerable.Range(position.GetProperty("y").GetInt32(), position.GetProperty("h").GetInt32())
        select (x, y);
}
