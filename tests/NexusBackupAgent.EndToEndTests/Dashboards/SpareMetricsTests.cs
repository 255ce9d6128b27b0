using NexusBackupAgent.EndToEndTests.Alerts;
using AgentMetrics = NexusBackupAgent.EndToEndTests.Alerts.Metrics;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>A metric that nothing shows and nothing watches is a cost, or a panel or an alert that was forgotten.</summary>
public sealed class SpareMetricsTests
{
    private const string ForDashboardsOfProcesses = "every process has it, and there are dashboards for that";

    /// <summary>Metrics that are exported for other purposes, each with its reason.</summary>
    private static readonly Dictionary<string, string> Spare = new()
    {
        ["nexus_backup_copies_total"] = "for a report of months; the panel and the alert ask what is not copied",
        ["nexus_backup_last_success_age_seconds"] = "for people and scripts; the rules count the age of an agent that does not answer too",
        ["nexus_backup_last_whole_success_timestamp_seconds"] = "for people and scripts; a verification that is overdue or failed is what the panel and the alert ask for",
        ["nexus_backup_restores_total"] = "for a report of months; the panels and the alert ask for the last restore",
        ["nexus_backup_store_backups"] = "for people and scripts; the panel and the alert ask what is not copied",
        ["nexus_backup_stream_up"] = "for people and scripts; the alert asks how late changes are, which says the same",
        ["process_cpu_seconds_total"] = ForDashboardsOfProcesses,
        ["process_open_fds"] = ForDashboardsOfProcesses,
        ["process_resident_memory_bytes"] = ForDashboardsOfProcesses,
        ["process_start_time_seconds"] = ForDashboardsOfProcesses,
    };

    [Fact]
    public void Each_exported_metric_is_used_by_a_dashboard_or_a_rule_or_is_spare_for_a_reason()
    {
        var used = Dashboard.Shipped.SelectMany(dashboard => AgentMetrics.NamesIn(dashboard.Text))
            .Concat(RuleFile.Rules.SelectMany(rule => AgentMetrics.NamesIn(rule.Expr)));

        Assert.Equal(Spare.Keys.Order(), AgentMetrics.Exported.Except(used).Order());
        Assert.All(Spare.Values, Assert.NotEmpty);
    }
}
