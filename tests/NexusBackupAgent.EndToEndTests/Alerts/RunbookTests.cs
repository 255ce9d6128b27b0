using System.Text.RegularExpressions;
using NexusBackupAgent.Common;
using NexusBackupAgent.EndToEndTests.Support;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>Whoever is paged lands on the section that says what to do, in both languages.</summary>
public sealed partial class RunbookTests
{
    private static readonly string English = File.ReadAllText(Repository.File("docs", "runbook.md"));
    private static readonly string Japanese = File.ReadAllText(Repository.File("docs", "runbook.ja.md"));

    [Fact]
    public void Each_alert_links_to_an_anchor_of_its_own_name()
    {
        var anchors = AnchorsOf(English);

        Assert.All(RuleFile.Alerts, rule =>
        {
            Assert.Equal($"{RunbookPage.Pages.English}#{rule.Alert!.ToLowerInvariant()}", rule.Annotations["runbook_url"]); // as diagnose links
            Assert.Contains(rule.Alert.ToLowerInvariant(), anchors);
        });
    }

    [Fact]
    public void The_alert_and_the_level_call_a_drill_overdue_after_the_same_days() =>
        Assert.EndsWith($"> {Escalation.DrillOverdueAfter.TotalDays} * 86400", Assert.Single(RuleFile.Alerts, rule => rule.Alert == "NexusBackupDrillOverdue").Expr.Trim(), StringComparison.Ordinal);

    [Fact]
    public void No_section_is_of_an_alert_that_is_gone()
    {
        var sections = AnchorsOf(English).Where(anchor => anchor.StartsWith("nexusbackup", StringComparison.Ordinal));

        Assert.Equal(RuleFile.Alerts.Select(rule => rule.Alert!.ToLowerInvariant()).Distinct().Order(), sections.Order());
    }

    [Fact]
    public void Both_languages_have_the_same_anchors_in_the_same_order()
    {
        Assert.Distinct(AnchorsOf(English));
        Assert.Equal(AnchorsOf(English), AnchorsOf(Japanese));
    }

    [Fact]
    public void Each_cause_that_diagnose_names_has_its_section()
    {
        Assert.All(
            Enum.GetValues<Cause>(),
            cause =>
            {
                Assert.StartsWith(RunbookPage.Pages.English + "#", DiagnosisTexts.Link(cause, Language.English), StringComparison.Ordinal);
                Assert.Contains(DiagnosisTexts.Link(cause, Language.Japanese).Split('#')[1], AnchorsOf(Japanese));
            });
    }

    [Theory]
    [InlineData("runbook.md")]
    [InlineData("runbook.ja.md")]
    public void Each_link_within_the_runbook_leads_somewhere(string page)
    {
        var text = File.ReadAllText(Repository.File("docs", page));

        Assert.Empty(Link().Matches(text).Select(link => link.Groups[1].Value).Except(AnchorsOf(text)));
        Assert.All(Page().Matches(text).Select(link => link.Groups[1].Value), other => Assert.True(File.Exists(Repository.File("docs", other)), other));
    }

    private static IReadOnlyList<string> AnchorsOf(string text) => [.. Anchor().Matches(text).Select(anchor => anchor.Groups[1].Value)];

    [GeneratedRegex("<a id=\"([a-z-]+)\"></a>")]
    private static partial Regex Anchor();

    [GeneratedRegex(@"\]\(#([^)]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\]\(([\w.]+\.md)\)")]
    private static partial Regex Page();
}
