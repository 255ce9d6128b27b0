using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Alerts;
using NexusBackupAgent.EndToEndTests.Support;
using YamlDotNet.Serialization;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>Who is told what, and when, by the shipped example.</summary>
public sealed partial class RoutesTests
{
    [SkippableFact]
    public async Task The_Alertmanager_example_is_valid()
    {
        Require.Tool("amtool", "prometheus-alertmanager");

        var result = await Tool.RunAsync("amtool", ["check-config", ShippedFiles.Alertmanager]);

        Assert.True(result.ExitCode == 0, result.Text);
        // It counts patterns, not files, so it would miss a template that is not there.
        Assert.Contains("1 templates", result.Text, StringComparison.Ordinal);
        Assert.Contains($"- templates/{Path.GetFileName(ShippedFiles.Templates)}\n", await File.ReadAllTextAsync(ShippedFiles.Alertmanager), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("operations", "service=nexus-backup", "level=L1")]
    [InlineData("system-administrator", "service=nexus-backup", "level=L2")]
    [InlineData("system-administrator,management", "service=nexus-backup", "level=L3")]
    [InlineData("heartbeat", "service=nexus-backup", "severity=none", "alertname=NexusBackupWatchdog")]
    [InlineData("operations", "service=something-else", "level=L3")]
    public async Task Labels_reach_their_receivers(string receivers, params string[] labels)
    {
        Require.Tool("amtool", "prometheus-alertmanager");

        Assert.True(await ReachAsync(receivers, labels), $"{string.Join(' ', labels)} does not reach {receivers}");
    }

    /// <summary>One test, because each question starts amtool; a failure lists every alert that goes elsewhere.</summary>
    [SkippableFact]
    public async Task Each_alert_of_the_rules_reaches_the_receivers_of_its_level()
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        var elsewhere = new List<string>();
        foreach (var rule in RuleFile.Alerts)
        {
            var level = rule.Level;
            var receivers = level switch { "L1" => "operations", "L2" => "system-administrator", "L3" => "system-administrator,management", _ => "heartbeat" };
            if (!await ReachAsync(receivers, [$"alertname={rule.Alert}", .. rule.Labels.Select(label => $"{label.Key}={label.Value}")]))
                elsewhere.Add($"{rule.Alert} {level} does not reach {receivers}");
        }

        Assert.Empty(elsewhere);
    }

    /// <summary>The runbook gives the operator 30 minutes.</summary>
    [Fact]
    public void Nothing_is_kept_back_at_night()
    {
        Assert.All(Routes(), route => Assert.DoesNotContain(route.Keys, key => key.EndsWith("_time_intervals", StringComparison.Ordinal)));
        Assert.False(Example().ContainsKey("time_intervals"));
    }

    [SkippableFact]
    public async Task Who_wants_a_quiet_night_for_L1_finds_it_in_the_comments()
    {
        Require.Tool("amtool", "prometheus-alertmanager");
        using var folder = new TempFolder();
        var text = InComments().Replace(await File.ReadAllTextAsync(ShippedFiles.Alertmanager), "$1$2").Replace("templates/", Path.GetDirectoryName(ShippedFiles.Templates) + "/", StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder["alertmanager.yml"], text);

        var result = await Tool.RunAsync("amtool", ["check-config", folder["alertmanager.yml"]]);

        Assert.True(result.ExitCode == 0, result.Text);
        var quiet = Routes(text).Where(route => route.ContainsKey("mute_time_intervals"));
        Assert.Contains("level=\"L1\"", (List<object>)Assert.Single(quiet)["matchers"]);
        Assert.Contains("location: Asia/Tokyo", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Whoever_was_told_is_told_when_it_is_over() => Assert.All(
        Maps(Example()["receivers"]).Where(receiver => (string)receiver["name"] != "heartbeat"),
        receiver => Assert.All(
            receiver.Where(part => part.Key.EndsWith("_configs", StringComparison.Ordinal)).SelectMany(part => Maps(part.Value)),
            way => Assert.Equal("true", way["send_resolved"])));

    /// <summary>Alertmanager adds an HTML text of its own to a mail, unless told not to.</summary>
    [Fact]
    public void A_mail_is_nothing_but_plain_text()
    {
        Assert.NotEmpty(Ways("email_configs"));
        Assert.All(Ways("email_configs"), mail => Assert.Equal(("{{ template \"nexus-backup.ja.report\" . }}", ""), (mail["text"], mail["html"])));
    }

    [Fact]
    public void A_chat_gets_the_texts_in_which_names_are_written_for_it()
    {
        Assert.NotEmpty(Ways("slack_configs"));
        Assert.All(Ways("slack_configs"), chat =>
        {
            Assert.Equal("{{ template \"nexus-backup.ja.chat\" . }}", chat["text"]);
            Assert.All((string[])["title", "fallback"], part => Assert.Equal("{{ template \"nexus-backup.ja.title\" . }}", chat[part]));
        });
    }

    private static IEnumerable<Dictionary<string, object>> Ways(string kind) =>
        Maps(Example()["receivers"]).Where(receiver => receiver.ContainsKey(kind)).SelectMany(receiver => Maps(receiver[kind]));

    private static async Task<bool> ReachAsync(string receivers, string[] labels) =>
        (await Tool.RunAsync("amtool", ["config", "routes", "test", $"--config.file={ShippedFiles.Alertmanager}", $"--verify.receivers={receivers}", .. labels])).ExitCode == 0;

    private static Dictionary<string, object> Example(string? text = null) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(text ?? File.ReadAllText(ShippedFiles.Alertmanager));

    private static List<Dictionary<string, object>> Routes(string? text = null) => Maps(((Dictionary<object, object>)Example(text)["route"])["routes"]);

    [GeneratedRegex(@"^( *)# ((?:mute_time_intervals|time_intervals|- name: night|  time_intervals|  - times|    location).*)$", RegexOptions.Multiline)]
    private static partial Regex InComments();

    private static List<Dictionary<string, object>> Maps(object list) =>
        [.. ((List<object>)list).Cast<Dictionary<object, object>>().Select(map => map.ToDictionary(entry => (string)entry.Key, entry => entry.Value, StringComparer.Ordinal))];
}
