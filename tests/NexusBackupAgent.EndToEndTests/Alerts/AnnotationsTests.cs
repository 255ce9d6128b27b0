using System.Text.Json;
using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>What an alert says to who is called, in both languages.</summary>
public sealed partial class AnnotationsTests
{
    private static readonly string[] Names = ["summary", "description", "summary_ja", "description_ja", "next", "runbook_url", "dashboard_url"];

    /// <summary>For the escalation form; what nobody is called for needs none.</summary>
    private static readonly string[] OfTheForm = ["last_good", "rpo", "disk_used"];

    /// <summary>About a store, an agent, or the way of the alerts.</summary>
    private static readonly string?[] OfNoSource =
        ["NexusBackupStorageFull", "NexusBackupStoreDown", "NexusBackupAgentDown", "NexusBackupSchedulerStuck", "NexusBackupNothingProtected", "NexusBackupSelfTestFailed", "NexusBackupClockSkew", "NexusBackupWatchdog"];

    /// <summary>The dashboards that the product ships, by their identifiers.</summary>
    private static readonly string[] Dashboards = ["nexus-backup-overview", "nexus-backup-source"];

    [Fact]
    public void Each_alert_has_every_annotation_and_no_other() =>
        Assert.All(RuleFile.Alerts, rule => Assert.Equal(Names.Concat(rule.Level.Length > 0 ? OfTheForm : []).Order(), rule.Annotations.Keys.Order()));

    /// <summary>form.test.yml sees what it says; so it holds of all.</summary>
    [Fact]
    public void Every_alert_asks_for_the_form_in_the_same_words() => Assert.All(
        OfTheForm, name => Assert.Single(RuleFile.Alerts.Where(rule => rule.Level.Length > 0).Select(rule => rule.Annotations[name]).Distinct(StringComparer.Ordinal)));

    [Fact]
    public void Each_alert_names_the_next_command() => Assert.All(RuleFile.Alerts, rule =>
    {
        Assert.EndsWith(".", rule.Annotations["summary"], StringComparison.Ordinal);
        Assert.Matches(@"\bnexus-backup (run|backup|list|verify|restore|drill|copy|prune|status|diagnose|check-config)\b", rule.Annotations["next"]);
    });

    [Fact]
    public async Task Each_command_and_option_that_a_text_or_the_runbook_names_can_be_typed()
    {
        string[] pages = ["runbook.md", "runbook.ja.md"];
        var texts = RuleFile.Alerts.SelectMany(rule => rule.Annotations.Values).Concat(pages.Select(page => File.ReadAllText(Repository.File("docs", page))));
        var commands = texts.SelectMany(NamedCommand.In).DistinctBy(command => command.ToString()).ToList();

        var unknown = await Task.WhenAll(commands.Select(command => command.UnknownAsync()));

        Assert.Contains(commands, command => command.ToString() == "verify --all");
        Assert.Contains(commands, command => command.ToString() == "prune --dry-run");
        Assert.Empty(unknown.SelectMany(names => names).Distinct(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("Next: nexus-backup verfy 'x'.", "verfy")]
    [InlineData("Next: nexus-backup verify '{{ $labels.source }}' --al reads.", "verify --al")]
    [InlineData("対応: nexus-backup report SOURCE --lang ja --all を実行。", "report --all")]
    [InlineData("Next: nexus-backup prune SOURCE --dry-run, then nexus-backup status --json.", null)]
    public async Task A_command_or_option_that_is_none_is_found(string text, string? expected)
    {
        var unknown = new List<string>();
        foreach (var command in NamedCommand.In(text))
            unknown.AddRange(await command.UnknownAsync());

        Assert.Equal(expected is null ? [] : [expected], unknown);
    }

    [Fact]
    public void A_name_in_a_command_is_quoted_for_the_shell() => Assert.All(
        RuleFile.Alerts, rule => Assert.DoesNotContain("'{{ $labels.source }}'", rule.Annotations["next"], StringComparison.Ordinal));

    [Fact]
    public void Both_languages_name_the_same_values() => Assert.All(
        RuleFile.Alerts, rule => Assert.Equal(Of(Value(), rule.Annotations["description"]), Of(Value(), rule.Annotations["description_ja"])));

    [Fact]
    public void Japanese_is_written_in_Japanese() => Assert.All(RuleFile.Alerts, rule =>
    {
        Assert.Matches(@"[\p{IsHiragana}\p{IsKatakana}\p{IsCJKUnifiedIdeographs}]", rule.Annotations["description_ja"]);
        Assert.Matches(@"\p{IsCJKUnifiedIdeographs}", rule.Annotations["summary_ja"]);
        Assert.DoesNotMatch("[。.]$", rule.Annotations["summary_ja"]);
        Assert.EndsWith("。", rule.Annotations["description_ja"].TrimEnd(), StringComparison.Ordinal);
    });

    [Fact]
    public void Each_alert_of_a_source_links_to_its_dashboard_and_each_other_one_to_the_overview() => Assert.All(RuleFile.Alerts, rule =>
    {
        var ofSource = !OfNoSource.Contains(rule.Alert);
        var link = Link().Match(rule.Annotations["dashboard_url"]);
        Assert.True(link.Success, rule.Annotations["dashboard_url"]);
        Assert.Equal(ofSource ? Dashboards[1] : Dashboards[0], link.Groups["uid"].Value);
        Assert.Equal(ofSource, link.Groups["variables"].Value.Contains("var-source=", StringComparison.Ordinal));
    });

    [Fact]
    public void Dashboards_of_those_identifiers_are_shipped()
    {
        var shipped = Directory.GetFiles(Repository.File("dashboards"), "*.json").Select(file => JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("uid").GetString()!);

        Assert.Equal(Dashboards, shipped.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Of(Regex what, string text) => what.Matches(text).Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"\{\{ (\$labels\.\w+|\$value)")]
    private static partial Regex Value();

    [GeneratedRegex(@"^https://grafana\.example\.org/d/(?<uid>[a-z-]+)(?<variables>(\?var-job=\{\{ \$labels\.job \| urlquery \}\}(&var-(?<name>instance|source)=\{\{ \$labels\.\k<name> \| urlquery \}\})*)?)$")]
    private static partial Regex Link();
}
