using NexusBackupAgent.EndToEndTests.Dashboards;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>
/// Every expression of the rules and the dashboards returns data from a real Prometheus that scraped an agent.
/// A derived class says which agent: its address is all that differs.
/// </summary>
public abstract class ExpressionsReturnDataTests : IAsyncLifetime
{
    /// <summary>Returns data only while something is wrong, or from a later version on.</summary>
    private static readonly string[] EmptyWhenHealthy =
    [
        "nexus_backup:unanswered", "nexus_backup:source_unread", "nexus_backup:backups_unknown", "nexus_backup:no_good_backup", "nexus_backup:first_start_over", "nexus_backup:new_source",
        "nexus_backup:none_level", "nexus_backup:clock_behind", "nexus_backup:run_start_timestamp_seconds", "nexus_backup:awaited_run", "nexus_backup:set_aside:1d", "nexus_backup:failed_runs:26h",
        "nexus_backup:never_answered", "nexus_backup:unusable", "nexus_backup:level", "nexus_backup:firing", "nexus_backup:textfile_age_seconds", "nexus_backup:unprotected", "nexus_backup:untold", "nexus_backup:agent_silence_seconds", "node_textfile_mtime_seconds", "node_exporter_build_info",
    ];

    private PrometheusServer? prometheus;

    /// <summary>
    /// Parts of the panels' queries that wait for an alert, for the end of the day that they show, or for a disk that fills up;
    /// <see cref="DashboardsOnAFortnightTests"/> has them all.
    /// </summary>
    private static readonly string[] EmptyAtTheStart = ["nexus_backup:firing{", "[1d] offset -1d", "deriv("];

    /// <summary>Starts what is to be scraped; host:port.</summary>
    protected abstract Task<string> StartTargetAsync();

    /// <summary>Stops what <see cref="StartTargetAsync"/> started.</summary>
    protected abstract Task StopTargetAsync();

    /// <summary>What the agent has not done yet, as metrics and records name it; of its result it therefore says nothing.</summary>
    protected virtual IReadOnlyList<string> NeverDone => [];

    /// <summary>What no source of the agent has, as the names of its metrics and records begin.</summary>
    protected virtual IReadOnlyList<string> NeverHad => [];

    /// <summary>One test, because the start of Prometheus is what takes the time; a failure lists every empty expression.</summary>
    [SkippableFact]
    public async Task Each_metric_rule_and_dashboard_panel_returns_data()
    {
        // An exception that nothing needs any more would hide a later fault.
        Assert.All(EmptyAtTheStart.Concat(NeverDone), part => Assert.Contains(Dashboard.Expressions, one => one.Expression.Contains(part, StringComparison.Ordinal)));
        Require.Tool("prometheus", "prometheus");
        var empty = new List<string>();
        foreach (var (where, expression) in Expressions())
        {
            if ((await prometheus!.QueryAsync(expression)).Count == 0) empty.Add($"{where}: {expression}");
        }

        Assert.True(empty.Count == 0, "no data for\n" + string.Join('\n', empty));
    }

    public async Task InitializeAsync()
    {
        // Skipping is a test's to do; without the tool there is nothing to start.
        if (!Require.Has("prometheus")) return;
        prometheus = await PrometheusServer.StartAsync(await StartTargetAsync(), RuleFile.Path);
        // The last record builds on the others; increase() and predict_linear() need two scrapes.
        await prometheus.WaitForAsync("nexus_backup:age_seconds");
        await prometheus.WaitForAsync("count_over_time(nexus_backup_build_info[1m]) >= 3");
    }

    public async Task DisposeAsync()
    {
        if (prometheus is null) return;
        await prometheus.DisposeAsync();
        await StopTargetAsync();
    }

    /// <summary>
    /// Where it is used, and the expression. An alert on a healthy agent must be empty, so each series that it selects is
    /// asked for instead.
    /// </summary>
    private IEnumerable<(string Where, string Expression)> Expressions()
    {
        var metrics = Metrics.Exported.Where(name => !NeverDone.Any(what => name == $"nexus_backup_{what}_success")).Select(name => ("exported", name));
        var records = RuleFile.Rules
            .Where(rule => rule.Record is not null && !EmptyWhenHealthy.Contains(rule.Record) && !NeverDone.Any(what => rule.Record == RecordOf(what)))
            .Select(rule => (rule.Record!, rule.Expr));
        var alerts = RuleFile.Alerts.SelectMany(rule => Metrics.SelectorsIn(rule.Expr)
            .Where(selector => !EmptyWhenHealthy.Contains(selector) && !NeverDone.Any(what => selector == RecordOf(what)))
            .Select(selector => (rule.Alert!, selector)));
        var panels = Dashboard.Expressions.Where(one => !EmptyAtTheStart.Concat(NeverDone).Any(part => one.Expression.Contains(part, StringComparison.Ordinal)));
        return metrics.Concat(records).Concat(alerts).Concat(panels).Where(one => !Metrics.NamesIn(one.Item2).Any(name => NeverHad.Any(had => name.StartsWith($"nexus_backup_{had}", StringComparison.Ordinal) || name.StartsWith($"nexus_backup:{had}", StringComparison.Ordinal))));

        static string RecordOf(string what) => $"nexus_backup:{what}_success:last_known";
    }
}

/// <summary>Against the sample scrape: what the rules and the dashboard expect of an agent.</summary>
public sealed class ExpressionsReturnDataFromTheSampleScrapeTests : ExpressionsReturnDataTests
{
    private MetricsTarget? target;

    protected override async Task<string> StartTargetAsync() => (target = await MetricsTarget.StartAsync(Metrics.SampleScrape)).Address;

    protected override async Task StopTargetAsync() => await target!.DisposeAsync();
}

/// <summary>Against the agent itself: what it really exports.</summary>
public sealed class ExpressionsReturnDataFromTheAgentTests : ExpressionsReturnDataTests
{
    private RunningAgent? agent;

    protected override IReadOnlyList<string> NeverDone { get; } = ["last_drill", "last_restore", "self_test"];

    protected override IReadOnlyList<string> NeverHad { get; } = ["stream", "recovery_window", "copy_waiting_since", "store_owed", "store_last_copy", "store_backups", "store_stored_bytes", "three_two_one", "copies_total"];

    protected override async Task<string> StartTargetAsync()
    {
        agent = await RunningAgent.StartAsync();
        // It takes its first backup at once; the panels about good backups wait for that.
        await agent.GetUntilAsync("metrics", metrics => metrics.Contains("state=\"good\"} 1", StringComparison.Ordinal));
        return agent.Address.Authority;
    }

    protected override async Task StopTargetAsync() => await agent!.DisposeAsync();
}
