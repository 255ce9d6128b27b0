using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Support;
using AgentMetrics = NexusBackupAgent.EndToEndTests.Alerts.Metrics;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>The dashboards with something to show: asked, and drawn by Grafana's own libraries in Chromium.</summary>
public sealed class DashboardsOnAFortnightTests(DashboardHistory history) : IClassFixture<DashboardHistory>
{
    /// <summary>Each page once in English and once in Japanese, of different sources; the pages of a build server are dark too, and one is on a phone.</summary>
    private static readonly string[] Pages =
    [
        "nexus-backup-overview.json",
        "nexus-backup-source.json?var-instance=app2:9440&var-source=tickets",
        "ja/nexus-backup-overview.json?suffix=-ja",
        "ja/nexus-backup-source.json?var-instance=app1:9440&var-source=audit-log&suffix=-ja&theme=dark",
        "nexus-backup-source.json?var-instance=app1:9440&var-source=audit-log&suffix=-phone&width=390",
    ];

    [SkippableFact]
    public async Task Each_expression_returns_data()
    {
        RequireHistory();
        var empty = new List<string>();
        foreach (var (panel, expression) in Dashboard.Expressions)
        {
            if ((await history.Prometheus.QueryAsync($"count_over_time(({expression})[14d:1h])", history.End)).Count == 0) empty.Add($"{panel}: {expression}");
        }

        Assert.True(empty.Count == 0, "no data for\n" + string.Join('\n', empty));
    }

    /// <summary>A metric that the history lacks would be asked for in vain, and nobody would see whether its panel works.</summary>
    [SkippableFact]
    public async Task The_history_has_every_metric_of_the_agent_with_the_labels_that_the_agent_gives()
    {
        RequireHistory();

        foreach (var metric in AgentMetrics.Exported)
        {
            var series = await history.Prometheus.QueryAsync(metric, history.End);
            var labels = series.SelectMany(one => one.GetProperty("metric").EnumerateObject().Select(label => label.Name)).Distinct().Except(["__name__", "job", "instance"]);
            Assert.True(series.Count > 0, $"{metric} is not in tests/dashboards/history.py");
            Assert.Equal((metric, string.Join(',', AgentMetrics.LabelsOf(metric).Order())), (metric, string.Join(',', labels.Order())));
        }
    }

    /// <summary>The pictures are in artifacts/dashboards, to be looked at; docs/images has two of them.</summary>
    [SkippableFact]
    public async Task Each_panel_is_drawn_without_errors_and_empty_places()
    {
        RequireHistory();
        NodeTools.RequireThem();
        Require.That(File.Exists("/usr/bin/chromium"), "chromium is not installed (apt-get install chromium)");
        var pages = Pages.Select(page => page.Split('?')).Select(page => new Dashboard(page[0]).Path + string.Concat(page.Skip(1).Select(options => $"?{options}")));

        var result = await NodeTools.RunAsync("render.mjs", [history.Prometheus.Address.ToString(), $"{history.End}", Repository.File("artifacts", "dashboards"), .. pages]);

        Assert.True(result.ExitCode == 0, result.Text);
        using var report = JsonDocument.Parse(result.Output);
        Assert.All(report.RootElement.EnumerateArray().Zip(Pages), page => IsWhole(page.First, new Dashboard(page.Second.Split('?')[0])));
    }

    /// <summary>No problem, no query without data, every title to be read, and a source's name leads to its page.</summary>
    private static void IsWhole(JsonElement page, Dashboard dashboard)
    {
        var file = page.GetProperty("dashboard").GetString()!;
        Assert.True(page.GetProperty("problems").GetArrayLength() == 0, $"{file}: {page.GetProperty("problems")}");
        Assert.All(page.GetProperty("queries").EnumerateArray(), query => Assert.True(query.GetProperty("series").GetInt32() > 0, $"{file}: nothing for {query}"));
        var text = page.GetProperty("text").GetString()!;
        Assert.InRange(page.GetProperty("atFirst").GetInt32(), 1, DashboardBudgetTests.QueriesAtFirst);
        Assert.All(dashboard.Panels, panel => Assert.Contains(Dashboard.TitleOf(panel), text, StringComparison.Ordinal));
        if (file.EndsWith("overview.json", StringComparison.Ordinal)) Assert.All(["app1:9440&var-source=audit-log", "app2:9440&var-source=tickets"], source => Assert.Contains(
            page.GetProperty("links").EnumerateArray(),
            link => link.GetString()!.Contains($"/d/nexus-backup-source?var-datasource=prometheus-of-the-test&var-job=nexus-backup&var-instance={source}&from=now-", StringComparison.Ordinal)));
    }

    private static void RequireHistory() => Require.That(DashboardHistory.IsPossible, "prometheus, promtool or python3 is not installed (apt-get install prometheus python3)");
}
