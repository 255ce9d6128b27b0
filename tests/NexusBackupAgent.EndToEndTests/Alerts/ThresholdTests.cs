using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using static NexusBackupAgent.EndToEndTests.Alerts.Thresholds;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>
/// The agent, the rules and the examples have the <see cref="Thresholds"/>. For the documentation see <see cref="RunbookThresholdTests"/>, for the
/// dashboards <see cref="Dashboards.DashboardThresholdTests"/>.
/// </summary>
public sealed partial class ThresholdTests
{
    [Fact]
    public void The_agent_has_them()
    {
        Assert.Equal(DiskPercent, ((int)(Escalation.DiskWarning * 100), (int)(Escalation.DiskCritical * 100)));
        Assert.Equal(EscalationLevel.L1, LevelOfFailures(FailuresInARow.L1));
        Assert.Equal(EscalationLevel.L2, LevelOfFailures(FailuresInARow.L2));
        Assert.Equal(EscalationLevel.Ok, LevelOfFailures(FailuresInARow.L1 - 1));
    }

    [Fact]
    public void The_checklist_says_them()
    {
        var text = ChecklistTexts.Disk(new StoreStatus("local", "/b", new StoreSpace(Size: 100, Free: 50, Available: 50), Failure: null));

        Assert.Equal((In("50% used (below {0}%)"), In("使用率 50%（基準 {0}%未満）")), (text.English, text.Japanese));
    }

    [Fact]
    public void A_source_that_sets_none_has_them()
    {
        using var folder = new TempFolder();
        var file = folder["nexus-backup.yml"];
        File.WriteAllText(file, "stores: {local: {path: /b}}\nsources: {itsm: {sqlite: /a.db, schedules: {daily: {cron: \"0 2 * * *\", retention: 7d}}}}\n");

        Assert.Equal(AgeHours, HoursOf(Assert.Single(ConfigurationFile.Load(file, TimeZoneInfo.Utc).Configuration!.Sources)));
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
        AssertRule("NexusBackupStale/L1", "rpo_seconds:last_known{threshold=\"warning\"}");
        AssertRule("NexusBackupStale/L2", "rpo_seconds:last_known{threshold=\"critical\"}");
        AssertRule("NexusBackupStale/L3", "rpo_seconds:last_known{threshold=\"emergency\"}");
        Assert.DoesNotContain(RuleFile.Alerts, rule => rule.Alert == "NexusBackupStale" && Hour().IsMatch(rule.Expr));
    }

    private static EscalationLevel LevelOfFailures(int count) => Escalation.Highest(
        EscalationAgreesWithTheRulesTests.Decide(new EscalationCondition("failures", Age: 1, Good: 1, Failures: count)));

    private static (int, int) HoursOf(SourceConfiguration source) => ((int)source.Rpo.Warning.TotalHours, (int)source.Rpo.Critical.TotalHours);

    private static void AssertRule(string title, string condition, string inTheTexts = "")
    {
        var rule = RuleFile.Alerts.Single(rule => rule.Title == title);
        Assert.Matches(Regex.Escape(condition) + @"(?![\d.])", rule.Expr);
        Assert.Contains(inTheTexts, rule.Annotations["summary"], StringComparison.Ordinal);
        Assert.Contains(inTheTexts, rule.Annotations["summary_ja"], StringComparison.Ordinal);
    }

    [GeneratedRegex("86400|172800|3600")]
    private static partial Regex Hour();
}
