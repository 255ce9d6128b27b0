using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary><c>deploy/prometheus</c>, installed as its README says.</summary>
public sealed partial class PrometheusConfigurationTests : IDisposable
{
    private readonly PrometheusLayout layout = new();

    public PrometheusConfigurationTests()
    {
        foreach (Match install in InstallLine().Matches(File.ReadAllText(DeployedFile.Path("prometheus", "README.md"))))
        {
            var file = install.Groups["file"].Value;
            layout.Add(Repository.File(file), Path.Combine(install.Groups["directory"].Value, Path.GetFileName(file)));
        }

        // As "nexus-backup rules" prints them.
        layout.Add(Repository.File("alerts", "nexus-backup.rules.yml"), "/etc/prometheus/rules/nexus-backup.rules.yml");
    }

    public void Dispose() => layout.Dispose();

    [SkippableFact]
    public async Task Prometheus_accepts_it_with_the_rules()
    {
        var check = await layout.CheckAsync();

        Assert.Contains("SUCCESS: 1 rule files found", check.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Agents_are_found_in_files_under_the_job_that_the_rules_ask_for()
    {
        await File.WriteAllTextAsync(layout.Of("/etc/prometheus/targets/osaka.yml"), "- targets: [\"10.0.3.7:9440\"]\n  labels: {instance: db3, site: osaka}\n");

        var labels = (await layout.DiscoverAsync()).Select(target => target["labels"]!).ToDictionary(target => target["instance"].Text());

        Assert.Equal(["127.0.0.1:9440", "db3"], labels.Keys.Order(StringComparer.Ordinal));
        Assert.All(labels.Values, target => Assert.Equal("nexus-backup", target["job"].Text()));
        Assert.Equal("osaka", labels["db3"]["site"].Text());
    }

    [SkippableFact]
    public async Task A_real_Prometheus_scrapes_a_real_agent_with_it_and_its_watchdog_fires()
    {
        Require.Tool("prometheus");
        await using var agent = await RunningAgent.StartAsync();
        var targets = layout.Of("/etc/prometheus/targets/nexus-backup.yml");
        await File.WriteAllTextAsync(targets, (await File.ReadAllTextAsync(targets)).Replace("127.0.0.1:9440", agent.Address.Authority, StringComparison.Ordinal));

        await using var prometheus = await PrometheusServer.StartConfiguredAsync(await QuickAsync(), readyWhen: "up{job=\"nexus-backup\"} == 1");

        await prometheus.WaitForAsync("nexus_backup_source_info{source=\"itsm\"}");
        await prometheus.WaitForAsync("ALERTS{alertname=\"NexusBackupWatchdog\", alertstate=\"firing\"}");
    }

    [SkippableFact]
    public async Task An_agent_that_is_added_to_a_file_is_scraped_and_one_that_is_removed_is_not_without_a_reload()
    {
        Require.Tool("prometheus");
        await using var first = await MetricsTarget.StartAsync("nexus_backup_build_info 1\n");
        await using var second = await MetricsTarget.StartAsync("nexus_backup_build_info 1\n");
        await File.WriteAllTextAsync(layout.Of("/etc/prometheus/targets/nexus-backup.yml"), $"- targets: [\"{first.Address}\"]\n");
        await using var prometheus = await PrometheusServer.StartConfiguredAsync(await QuickAsync(), readyWhen: "up{job=\"nexus-backup\"} == 1");

        var (written, renamed) = (layout.Of("/etc/prometheus/targets/osaka.new"), layout.Of("/etc/prometheus/targets/osaka.yml"));
        await File.WriteAllTextAsync(written, $"- targets: [\"{second.Address}\"]\n  labels: {{site: osaka}}\n");
        File.Move(written, renamed);
        await prometheus.WaitForAsync($"up{{job=\"nexus-backup\", site=\"osaka\", instance=\"{second.Address}\"}} == 1");

        File.Delete(renamed);
        await prometheus.WaitForAsync($"absent(up{{site=\"osaka\"}}) and on () up{{instance=\"{first.Address}\"}} == 1");
    }

    [Fact]
    public void The_intervals_are_those_that_the_rules_need()
    {
        var global = DeployedFile.Read("prometheus", "prometheus.yml")["global"]!;

        Assert.Equal(("30s", "30s"), (global["scrape_interval"].Text(), global["evaluation_interval"].Text()));
    }

    /// <summary>The test's Prometheus has a directory of its own, and half a minute for each scrape is long.</summary>
    private async Task<string> QuickAsync() => RelativePath().Replace(
        (await File.ReadAllTextAsync(layout.Configuration)).Replace("_interval: 30s", "_interval: 1s", StringComparison.Ordinal), layout.Of("/etc/prometheus/") + "$0");

    [GeneratedRegex("^(\\[ -e \\S+ \\] \\|\\| )?install (-b )?-m 644 (?<file>\\S+) (?<directory>/etc/prometheus/\\S*)$", RegexOptions.Multiline)]
    private static partial Regex InstallLine();

    [GeneratedRegex(@"(rules|targets|alertmanagers)/\*\.yml")]
    private static partial Regex RelativePath();
}
