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

    [SkippableFact]
    public async Task A_command_prints_the_same_but_what_only_an_agent_knows_and_what_is_true_only_now()
    {
        Require.Tool("promtool", "prometheus");
        await using var agent = await RunningAgent.StartAsync();

        var printed = await agent.RunAsync("metrics");

        Assert.True(printed.ExitCode == 0, printed.Text);
        Assert.Equal(
            ["last_success_age_seconds", "next_run_timestamp_seconds", "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds", "scheduler_heartbeat_timestamp_seconds", "start_timestamp_seconds", "stream_lag_bytes", "stream_last_gap_timestamp_seconds", "stream_last_received_timestamp_seconds", "stream_limit_bytes", "stream_up", "time_seconds"],
            TypesIn(await agent.GetUntilAsync("metrics", _ => true)).Except(TypesIn(printed.Output)).Select(line => line.Split(' ')[2].Replace("nexus_backup_", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Empty(TypesIn(printed.Output).Except(TypesIn(Metrics.SampleScrape)));
    }

    private static IEnumerable<string> TypesIn(string scrape) => TypeLine().Matches(scrape).Select(line => line.Value).Order(StringComparer.Ordinal);

    [GeneratedRegex("^# TYPE .*$", RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
