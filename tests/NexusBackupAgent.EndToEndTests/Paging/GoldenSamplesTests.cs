using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Alerts;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>The alerts that the accepted texts are made from are those that the rules send today: a text that nobody gets any more proves nothing.</summary>
public sealed partial class GoldenSamplesTests
{
    private static readonly string[] OfTheForm = ["last_good", "rpo", "disk_used"];

    public static TheoryData<string> Samples => [.. Golden.Samples];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Their_labels_and_texts_are_those_of_the_rules(string sample)
    {
        foreach (var alert in Golden.Read(sample)["alerts"]!.AsArray())
        {
            var (labels, annotations) = (Golden.Texts(alert!["labels"]), Golden.Texts(alert["annotations"]));
            var rule = RuleFile.Alerts.Single(rule => rule.Alert == labels["alertname"] && rule.Level == labels["level"]);
            Assert.All(rule.Labels, label => Assert.Equal(label.Value, labels[label.Key]));
            var expected = rule.Annotations.Keys.Except(sample == Golden.Older ? [.. OfTheForm, "next"] : []).ToList();
            Assert.Equal(expected.Order(StringComparer.Ordinal), annotations.Keys.Order(StringComparer.Ordinal));
            Assert.All(expected.Except(OfTheForm), name => Assert.Matches(PatternOf(rule.Annotations[name], labels), annotations[name]));
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void They_carry_the_form_as_the_rules_write_it(string sample)
    {
        foreach (var annotations in Golden.Read(sample)["alerts"]!.AsArray().Select(alert => Golden.Texts(alert!["annotations"])).Where(_ => sample != Golden.Older))
        {
            Assert.Matches(@"^(unknown|(none|new|\d{4}-\d\d-\d\d \d\d:\d\d JST) \(.+\))$", annotations["last_good"]);
            Assert.Matches(@"^(unknown|(new|within|warning \d+h|critical \d+h|exceeded( \d+h)?) \(.+\))$", annotations["rpo"]);
            Assert.Matches(@"^(unknown|\d+% \(.+\))$", annotations["disk_used"]);
        }
    }

    /// <summary>A rule's text with the sample's labels in it, and anything in the place of what is computed.</summary>
    private static string PatternOf(string text, Dictionary<string, string> labels)
    {
        var named = Label().Replace(text.TrimEnd(), match => labels[match.Groups[1].Value]);
        return $"^{string.Join(".+?", Action().Split(named).Select(Regex.Escape))}$";
    }

    [GeneratedRegex(@"\{\{ \$labels\.(\w+) \}\}")]
    private static partial Regex Label();

    [GeneratedRegex(@"\{\{.+?\}\}")]
    private static partial Regex Action();
}
