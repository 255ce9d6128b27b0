using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

public sealed class RulesTests
{
    public static TheoryData<string> AlertNames => [.. RuleFile.Alerts.Select(rule => rule.Alert!).Distinct()];

    [SkippableFact]
    public async Task The_rules_pass_every_lint_of_promtool()
    {
        Require.Tool("promtool", "prometheus");

        var result = await Tool.RunAsync("promtool", ["check", "rules", "--lint=all", "--lint-fatal", RuleFile.Path]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    [SkippableFact]
    public async Task The_rules_pass_their_unit_tests()
    {
        Require.Tool("promtool", "prometheus");

        var result = await Tool.RunAsync("promtool", ["test", "rules", .. RuleFile.TestFiles]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    [SkippableFact]
    public async Task The_Alertmanager_example_is_valid()
    {
        Require.Tool("amtool", "prometheus-alertmanager");

        var result = await Tool.RunAsync("amtool", ["check-config", Path.Combine(RuleFile.Directory, "alertmanager.example.yml")]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    [SkippableTheory]
    [InlineData("L1", "operations")]
    [InlineData("L2", "system-administrator")]
    [InlineData("L3", "management")]
    public async Task Each_level_reaches_its_receiver(string level, string receiver)
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        var configuration = Path.Combine(RuleFile.Directory, "alertmanager.example.yml");

        var result = await Tool.RunAsync(
            "amtool",
            ["config", "routes", "test", $"--config.file={configuration}", $"--verify.receivers={receiver}", "service=nexus-backup", $"level={level}"]);

        Assert.True(result.ExitCode == 0, result.Text);
    }

    [Theory]
    [MemberData(nameof(AlertNames))]
    public void Each_level_of_an_alert_is_seen_firing_in_a_unit_test_and_its_text_is_checked(string alert)
    {
        var timelines = string.Concat(RuleFile.TestFiles.Select(File.ReadAllText));

        foreach (var rule in RuleFile.Alerts.Where(rule => rule.Alert == alert))
            Assert.Contains($"alertname=\"{alert}\",level=\"{rule.Labels["level"]}\"", timelines, StringComparison.Ordinal);
        Assert.Contains($"    alertname: {alert}\n", timelines, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_alert_carries_service_level_and_the_severity_of_its_level()
    {
        Assert.All(RuleFile.Alerts, rule =>
        {
            Assert.Equal("nexus-backup", rule.Labels["service"]);
            Assert.Contains(rule.Labels["level"], (string[])["L1", "L2", "L3"]);
            Assert.Equal(rule.Labels["level"] == "L1" ? "warning" : "critical", rule.Labels["severity"]);
        });
    }

    [Fact]
    public void Each_description_names_the_next_command()
    {
        Assert.All(RuleFile.Alerts, rule =>
        {
            Assert.EndsWith(".", rule.Annotations["summary"], StringComparison.Ordinal);
            Assert.Matches(
                @"Next: .*\bnexus-backup (run|backup|list|verify|drill|prune|status|diagnose|check-config)\b",
                rule.Annotations["description"]);
        });
    }

    [Fact]
    public void Rules_use_only_metrics_that_exist()
    {
        var known = RuleFile.Rules.Select(rule => rule.Record).OfType<string>()
            .Concat(Metrics.Exported)
            .Concat(Metrics.FromPrometheus);

        Assert.Empty(RuleFile.Rules.SelectMany(rule => Metrics.NamesIn(rule.Expr)).Except(known));
    }
}
