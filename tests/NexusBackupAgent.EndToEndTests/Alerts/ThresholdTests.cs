using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Runs;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The runbook's thresholds (§4), once, and that the agent, the rules, the dashboards, the documentation and the examples have the same.</summary>
public sealed partial class ThresholdTests
{
    private static readonly (int L1, int L2) DiskPercent = (80, 90);
    private static readonly (int L1, int L2) AgeHours = (24, 48);
    private static readonly (int L1, int L2) FailuresInARow = (1, 2);

    [Fact]
    public void The_agent_has_them()
    {
        Assert.Equal(DiskPercent, ((int)(Escalation.DiskWarning * 100), (int)(Escalation.DiskCritical * 100)));
        Assert.Equal(EscalationLevel.L1, LevelOfFailures(FailuresInARow.L1));
        Assert.Equal(EscalationLevel.L2, LevelOfFailures(FailuresInARow.L2));
        Assert.Equal(EscalationLevel.Ok, LevelOfFailures(FailuresInARow.L1 - 1));
    }

    [Fact]
    public void A_source_that_sets_none_has_them()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("nexus-backup-defaults-").FullName, "nexus-backup.yml");
        File.WriteAllText(file, "stores: {local: {path: /b}}\nsources: {itsm: {sqlite: /a.db, schedules: {daily: {cron: \"0 2 * * *\", retention: 7d}}}}\n");

        Assert.Equal(AgeHours, HoursOf(Assert.Single(ConfigurationFile.Load(file, TimeZoneInfo.Utc).Configuration!.Sources)));
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public void The_example_of_the_runbooks_system_has_them()
    {
        var itsm = Repository.File("examples", "itsm-nexus.yml");

        Assert.Equal(AgeHours, HoursOf(Assert.Single(ConfigurationFile.Load(itsm, TimeZoneInfo.Utc).Configuration!.Sources)));
        Assert.Contains($"older than {AgeHours.L1} h is L1, older than {AgeHours.L2} h is L2", File.ReadAllText(itsm), StringComparison.Ordinal);
    }

    [Fact]
    public void The_rules_have_them_and_leave_the_ages_to_each_source()
    {
        AssertRule("NexusBackupStorageFull/L1", $">= {Ratio(DiskPercent.L1)}", $"{DiskPercent.L1}%");
        AssertRule("NexusBackupStorageFull/L2", $">= {Ratio(DiskPercent.L2)}", $"{DiskPercent.L2}%");
        AssertRule("NexusBackupFailed/L1", $">= {FailuresInARow.L1}");
        AssertRule("NexusBackupFailed/L2", $">= {FailuresInARow.L2}");
        AssertRule("NexusBackupStale/L1", "rpo_seconds:last_known{level=\"warning\"}");
        AssertRule("NexusBackupStale/L2", "rpo_seconds:last_known{level=\"critical\"}");
        Assert.DoesNotContain(RuleFile.Alerts, rule => rule.Alert == "NexusBackupStale" && Hour().IsMatch(rule.Expr));
    }

    [Fact]
    public void The_dashboards_have_them_and_leave_the_ages_to_each_source()
    {
        var panels = Directory.GetFiles(Repository.File("dashboards"), "*.json").SelectMany(Panels).ToList();

        Assert.NotEmpty(StepsOf(panels, "nexus_backup_disk_used_ratio"));
        Assert.All(StepsOf(panels, "nexus_backup_disk_used_ratio"), steps => Assert.Equal([Ratio(DiskPercent.L1), Ratio(DiskPercent.L2)], steps));
        Assert.Contains(StepsOf(panels, "nexus_backup_consecutive_failures"), steps => steps.SequenceEqual([FailuresInARow.L1.ToString(CultureInfo.InvariantCulture), FailuresInARow.L2.ToString(CultureInfo.InvariantCulture)]));
        Assert.All(StepsOf(panels, ""), steps => Assert.Empty(steps.Intersect([$"{AgeHours.L1 * 3600}", $"{AgeHours.L2 * 3600}"])));
    }

    [Theory]
    [InlineData("runbook.md", "| L1 (warning) |", "one failed run", "disk {0} to {1} %", "`rpo.warning` ({2} h)")]
    [InlineData("runbook.md", "| L2 (critical) |", "two or more failed runs in a row", "disk {1} % and more", "`rpo.critical` ({3} h)")]
    [InlineData("runbook.md", "RPO, by the age", "below {2} h normal", "{2} to {3} h warning", "above {3} h crisis")]
    [InlineData("runbook.md", "| 6 | disk space |", "below {0} %")]
    [InlineData("runbook.md", "| disk | alerts at", "{0} % and {1} %")]
    [InlineData("runbook.ja.md", "| L1（warning） |", "単発のバックアップ失敗", "ディスク使用率{0}〜{1}%", "`rpo.warning`（{2}時間）")]
    [InlineData("runbook.ja.md", "| L2（critical） |", "連続{5}回以上のバックアップ失敗", "ディスク使用率{1}%以上", "`rpo.critical`（{3}時間）")]
    [InlineData("runbook.ja.md", "RPOは最終正常バックアップ", "{2}時間未満は正常範囲", "{2}〜{3}時間は警告", "{3}時間超は危機")]
    [InlineData("runbook.ja.md", "| 6 | ディスク容量 |", "使用率{0}%未満")]
    [InlineData("runbook.ja.md", "| ディスク監視 |", "{0}%・{1}%")]
    [InlineData("monitoring.md", "[runbook.md](runbook.md)", "{2} h and {3} h")]
    public void The_documentation_has_them(string page, string line, params string[] expected)
    {
        var text = Assert.Single(File.ReadLines(Repository.File("docs", page)), one => one.StartsWith(line, StringComparison.Ordinal));

        Assert.All(expected, words => Assert.Contains(
            string.Format(CultureInfo.InvariantCulture, words, DiskPercent.L1, DiskPercent.L2, AgeHours.L1, AgeHours.L2, FailuresInARow.L1, FailuresInARow.L2), text, StringComparison.Ordinal));
    }

    private static EscalationLevel LevelOfFailures(int count) => Escalation.Highest(Escalation.Decide(
        new SourceCondition([], DateTimeOffset.UnixEpoch, count, 0, null, TimeSpan.FromHours(AgeHours.L1), TimeSpan.FromHours(AgeHours.L2)), DateTimeOffset.UnixEpoch));

    private static (int, int) HoursOf(SourceConfiguration source) => ((int)source.Rpo.Warning.TotalHours, (int)source.Rpo.Critical.TotalHours);

    private static void AssertRule(string title, string condition, string inTheTexts = "")
    {
        var rule = RuleFile.Alerts.Single(rule => rule.Title == title);
        Assert.Matches(Regex.Escape(condition) + @"(?![\d.])", rule.Expr);
        Assert.Contains(inTheTexts, rule.Annotations["summary"], StringComparison.Ordinal);
        Assert.Contains(inTheTexts, rule.Annotations["summary_ja"], StringComparison.Ordinal);
    }

    private static string Ratio(int percent) => (percent / 100.0).ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<JsonElement> Panels(string dashboard) => JsonDocument.Parse(File.ReadAllText(dashboard)).RootElement
        .GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    /// <summary>The values at which a panel of that metric alone changes its colour, as the file writes them.</summary>
    private static IEnumerable<string[]> StepsOf(IEnumerable<JsonElement> panels, string metric) =>
        from panel in panels
        where panel.GetProperty("targets").EnumerateArray().All(target => target.GetProperty("expr").GetString()!.Contains(metric, StringComparison.Ordinal))
        let steps = Steps(panel)
        where steps.Length > 1
        select steps;

    private static string[] Steps(JsonElement panel) =>
        panel.GetProperty("fieldConfig").GetProperty("defaults").TryGetProperty("thresholds", out var thresholds)
            ? [.. thresholds.GetProperty("steps").EnumerateArray().Skip(1).Select(step => step.GetProperty("value").GetRawText())]
            : [];

    [GeneratedRegex("86400|172800|3600")]
    private static partial Regex Hour();
}
