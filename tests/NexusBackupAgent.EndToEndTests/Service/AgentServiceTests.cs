using System.Globalization;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Service;

/// <summary>The agent as an operator runs it: a process, asked over HTTP and stopped by a signal.</summary>
public sealed partial class AgentServiceTests : IAsyncLifetime
{
    /// <summary>What speaks of this instant, of this process or of the disk, and not of the backups.</summary>
    private static readonly string[] Passing = ["age_seconds", "heartbeat", "nexus_backup_time_seconds", "nexus_backup_start_timestamp_seconds", "disk_"];

    private RunningAgent? agent;

    private RunningAgent Agent => agent!;

    public async Task InitializeAsync()
    {
        if (Require.Has("sqlite3"))
            agent = await RunningAgent.StartAsync();
    }

    public async Task DisposeAsync()
    {
        if (agent is not null)
            await agent.DisposeAsync();
    }

    [SkippableFact]
    public async Task Its_metrics_please_promtool_and_are_open_metrics_on_request()
    {
        Require.Tool("sqlite3");
        Require.Tool("promtool", "prometheus");
        var text = await ProtectedAsync();

        var file = Path.Combine(Agent.Home, "metrics.txt");
        await File.WriteAllTextAsync(file, text);
        var check = await Tool.RunAsync("bash", ["-c", "promtool check metrics < \"$0\"", file]);
        Assert.Equal((0, "", ""), (check.ExitCode, check.Output, check.Error));

        var open = await Agent.GetUntilAsync("metrics", _ => true, accept: "application/openmetrics-text;version=1.0.0");
        Assert.EndsWith("# EOF\n", open, StringComparison.Ordinal);
        Assert.Contains("# TYPE nexus_backup_runs counter", open, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_restart_changes_no_value_that_speaks_of_the_backups()
    {
        Require.Tool("sqlite3");
        var before = Lasting(await ProtectedAsync());

        await Agent.RestartAsync();
        var after = Lasting(await Agent.GetUntilAsync("metrics", Shows("nexus_backup_source_added_timestamp_seconds{source=\"itsm\"} [1-9]")));

        Assert.NotEmpty(before);
        Assert.Equal(before, after);
    }

    [SkippableFact]
    public async Task Its_disk_ratio_is_what_df_prints()
    {
        Require.Tool("sqlite3");
        var text = await ProtectedAsync();
        var df = await Tool.RunAsync("df", ["--output=pcent", Path.Combine(Agent.Home, "backups")]);

        var ratio = double.Parse(DiskUsed().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
        var percent = int.Parse(Digits().Match(df.Output).Value, CultureInfo.InvariantCulture);
        // df rounds up; other programs write to this disk between the two looks.
        Assert.InRange(percent, Math.Ceiling(ratio * 100 - 0.5), Math.Ceiling(ratio * 100 + 0.5));
    }

    [SkippableFact]
    public async Task Sigterm_ends_it_with_code_0_and_says_so()
    {
        Require.Tool("sqlite3");
        await ProtectedAsync();

        Assert.Equal(0, await Agent.StopAsync());
        Assert.Contains("agent_stopped", Agent.Log, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task It_says_at_start_and_after_each_run_when_it_runs_next()
    {
        Require.Tool("sqlite3");
        await ProtectedAsync();

        // As the runbook looks for it (§3.2 [B] step 4): grep -iE "cron|schedule|backup".
        // The metrics tell of the run a moment before the log.
        await Agent.GetUntilAsync("/metrics", _ => NextRun().Count(Agent.Log) >= 3);
    }

    [SkippableFact]
    public async Task A_second_agent_on_the_same_configuration_is_refused_and_commands_work_beside_the_first()
    {
        Require.Tool("sqlite3");
        await ProtectedAsync();

        var second = await Agent.RunAsync("run");
        Assert.True(second.ExitCode == 7, second.Text);
        Assert.Contains("another agent is running", second.Error, StringComparison.Ordinal);

        var manual = await Agent.RunAsync("backup");
        Assert.True(manual.ExitCode == 0, manual.Text);
        await Agent.GetUntilAsync("metrics", Shows("nexus_backup_backups{source=\"itsm\",schedule=\"manual\",state=\"good\"} 1"));
    }

    /// <summary>The metrics once the first backup, which the agent takes at its start, is good.</summary>
    private Task<string> ProtectedAsync() => Agent.GetUntilAsync("metrics", text =>
        Shows("nexus_backup_last_success_timestamp_seconds{source=\"itsm\"} [1-9]")(text) && Shows("nexus_backup_run_start_timestamp_seconds{source=\"itsm\"} 0")(text));

    private static Func<string, bool> Shows(string pattern) => text =>
        Regex.IsMatch(text, "^" + pattern.Replace("{", "\\{", StringComparison.Ordinal), RegexOptions.Multiline, TimeSpan.FromSeconds(1));

    /// <summary>Without what moves by itself: ages, heartbeat, disk.</summary>
    private static string[] Lasting(string metrics) =>
        [.. metrics.Split('\n').Where(line => line.StartsWith("nexus_backup_", StringComparison.Ordinal) && !Passing.Any(part => line.Contains(part, StringComparison.Ordinal)))];

    [GeneratedRegex("disk_used_ratio\\{store=\"local\"\\} (\\S+)")]
    private static partial Regex DiskUsed();

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Digits();

    [GeneratedRegex("backup schedule itsm/(daily|weekly): next run")]
    private static partial Regex NextRun();
}
