using NexusBackupAgent.EndToEndTests.Support;
using YamlDotNet.Serialization;

namespace NexusBackupAgent.EndToEndTests.Alerts;

public sealed class RulesTests
{
    [SkippableFact]
    public async Task The_rules_pass_every_lint_of_promtool()
    {
        Require.Tool("promtool", "prometheus");

        var result = await Tool.RunAsync("promtool", ["check", "rules", "--lint=all", "--lint-fatal", RuleFile.Path]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    [Fact]
    public void The_file_is_read_in_one_sitting()
    {
        var text = File.ReadAllText(RuleFile.Path);

        Assert.InRange(text.Split('\n').Length, 1, 400);
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(text), 1, 32 * 1024);
        Assert.All(RuleFile.Rules, rule => Assert.InRange(rule.Expr.Trim().Length, 1, 200));
        Assert.DoesNotContain(" for: ", text, StringComparison.Ordinal); // what Prometheus forgets when it restarts
    }

    /// <summary>Prometheus tells Alertmanager to wait for four intervals: of six minutes without it, and of the rest of an interval before and after, nothing is called over.</summary>
    [Fact]
    public void An_outage_of_six_minutes_is_shorter_than_what_Alertmanager_waits_for()
    {
        var groups = new DeserializerBuilder().Build().Deserialize<Dictionary<string, List<Dictionary<string, object>>>>(File.ReadAllText(RuleFile.Path))["groups"];

        Assert.All((string[])["nexus-backup.runbook", "nexus-backup.agent"], name => Assert.Equal("4m", groups.Single(group => (string)group["name"] == name)["interval"]));
        Assert.True(TimeSpan.FromMinutes(6) + (2 * TimeSpan.FromMinutes(4)) < 4 * TimeSpan.FromMinutes(4));
    }

    /// <summary>Each group has its own instant. After an outage of Prometheus that of the alerts may come before that of the records, when nothing is recorded within five minutes.</summary>
    [Fact]
    public void No_alert_takes_a_record_that_is_not_made_yet_for_one_that_is_not_there() =>
        Assert.DoesNotContain(RuleFile.Alerts, rule => rule.Expr.Contains("absent", StringComparison.Ordinal));

    [SkippableFact]
    public async Task The_rules_pass_their_unit_tests()
    {
        Require.Tool("promtool", "prometheus");

        var results = await Task.WhenAll(RuleFile.TestFiles.Select(TestAsync));

        Assert.All(results, result => Assert.True(result.ExitCode == 0, result.Text));
    }

    [Fact]
    public void Each_alert_carries_service_level_and_the_severity_of_its_level()
    {
        Assert.All(RuleFile.Alerts, rule => Assert.Equal("nexus-backup", rule.Labels["service"]));
        Assert.All(RuleFile.Alerts, rule => Assert.Equal(SeverityOf(rule.Level), rule.Labels["severity"]));
        Assert.Equal("NexusBackupWatchdog", Assert.Single(RuleFile.Alerts, rule => rule.Level.Length == 0).Alert);
    }

    [Fact]
    public void Rules_use_only_metrics_that_exist()
    {
        var known = RuleFile.Rules.Select(rule => rule.Record).OfType<string>()
            .Concat(Metrics.Exported)
            .Concat(Metrics.FromPrometheus);

        Assert.Empty(RuleFile.Rules.SelectMany(rule => Metrics.NamesIn(rule.Expr)).Except(known));
    }

    /// <summary>A file that nowhere says what an alert looks like asks only which fire.</summary>
    private static async Task<ToolResult> TestAsync(string file)
    {
        var test = await File.ReadAllTextAsync(file);
        return test.Contains("alert_rule_test", StringComparison.Ordinal) ? await Promtool.TestAsync(file) : await Promtool.TestWithoutTextsAsync(test.Replace("../../alerts/", "", StringComparison.Ordinal));
    }

    private static string SeverityOf(string level) => level switch
    {
        "L1" => "warning",
        "L2" or "L3" => "critical",
        _ => "none",
    };
}
