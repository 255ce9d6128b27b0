using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>
/// The memory of the rules: an agent that had trouble dies, and then Prometheus is away for longer than its look-back. All that rang rings again, and in the
/// meantime nobody is told that anything is over. Minutes are seconds here.
/// </summary>
public sealed partial class PrometheusRestartTests
{
    private static readonly string[] Rung = ["NexusBackupAgentDown L2", "NexusBackupFailed L1", "NexusBackupStale L1", "NexusBackupStorageFull L1"];

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [SkippableFact]
    public async Task What_rang_of_a_dead_agent_rings_again_after_an_outage_of_Prometheus_and_nothing_is_called_over()
    {
        Require.Tool("prometheus");
        Require.Tool("prometheus-alertmanager");
        using var home = new TempFolder();
        await File.WriteAllTextAsync(home["nexus-backup.rules.yml"], FastRules.Text);
        await using var inbox = await Inbox.StartAsync();
        await using var mail = new MailServer();
        await using var alertmanager = await AlertmanagerServer.StartAsync(FastAlertmanager.Configuration(inbox.Address, mail.Address));
        var target = await MetricsTarget.StartAsync(InTrouble());
        await using var prometheus = await PrometheusServer.StartConfiguredAsync(
            $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
            rule_files: [{{home["nexus-backup.rules.yml"]}}]
            alerting: {alertmanagers: [{static_configs: [{targets: [{{alertmanager.Address.Authority}}]}]}]}
            scrape_configs:
            - job_name: nexus-backup
              static_configs: [{targets: [{{target.Address}}]}]
            """,
            readyWhen: "up == 1",
            // The look-back to scale; Alertmanager is more patient than that, for a slow machine.
            "--query.lookback-delta=5s", "--rules.alert.resend-delay=10s");
        await prometheus.WaitForAsync("ALERTS{alertname=\"NexusBackupStale\",alertstate=\"firing\"}", Patience);

        await target.DisposeAsync();
        Assert.True(await Eventually.IsAsync(() => Task.FromResult(Rung.All(alert => Told(inbox).Contains(alert))), Patience), string.Join(", ", Told(inbox)));
        var before = Told(inbox).Count(); // a slow machine's first scrape comes after a first alert that nothing is protected
        await prometheus.RestartAsync(TimeSpan.FromSeconds(6));

        await prometheus.WaitForAsync("count(ALERTS{alertstate=\"firing\",level!=\"\"}) == 4", Patience);
        // Of what had not rung again Alertmanager would have said by now that it is over.
        await prometheus.WaitForAsync("count_over_time(ALERTS{alertname=\"NexusBackupAgentDown\",alertstate=\"firing\"}[60s] offset 1s) >= 15", Patience);
        Assert.DoesNotContain(Told(inbox).Skip(before), told => told.EndsWith("over", StringComparison.Ordinal));
        Assert.Equal(Rung, (await alertmanager.AlertsAsync())
            .Select(alert => alert.GetProperty("labels")).Where(labels => labels.TryGetProperty("level", out _))
            .Select(labels => $"{labels.GetProperty("alertname").GetString()} {labels.GetProperty("level").GetString()}").Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Told(Inbox inbox) => inbox.Pages.SelectMany(page => page.Alerts).Select(told => told.ToString()).Where(told => !told.Contains("Watchdog", StringComparison.Ordinal));

    /// <summary>A healthy agent's metrics, but for a backup of 26 hours, a failed run and a disk at 85 %.</summary>
    private static string InTrouble()
    {
        var now = FileSystemClock.Now; // near enough to the clock of the programs that it starts
        var values = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["last_success_timestamp_seconds"] = now.AddHours(-26).ToUnixTimeSeconds(),
            ["consecutive_failures"] = 1,
            ["store_owed_since_timestamp_seconds"] = 0,
            ["disk_used_ratio"] = 0.85,
            ["next_run_timestamp_seconds"] = now.AddHours(3).ToUnixTimeSeconds(),
            ["run_start_timestamp_seconds"] = 0,
            ["last_drill_timestamp_seconds"] = now.AddDays(-1).ToUnixTimeSeconds(),
            ["time_seconds"] = now.ToUnixTimeSeconds(),
            ["scheduler_heartbeat_timestamp_seconds"] = now.ToUnixTimeSeconds(),
        };
        return Sample().Replace(Alerts.Metrics.SampleScrape, sample => values.TryGetValue(sample.Groups["name"].Value, out var value)
            ? $"nexus_backup_{sample.Groups["name"].Value}{sample.Groups["labels"].Value} {value.ToString(CultureInfo.InvariantCulture)}"
            : sample.Value);
    }

    [GeneratedRegex(@"^nexus_backup_(?<name>\w+)(?<labels>\{.*\})? \S+$", RegexOptions.Multiline)]
    private static partial Regex Sample();
}
