using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>A question to the simulated Prometheus at an instant, and its expected answer.</summary>
internal sealed partial class ExpressionCheck
{
    /// <summary>Asks for every alert that fires, so that it also says which ones do not.</summary>
    private const string Everything = "ALERTS{alertstate=\"firing\",level!=\"\"}";

    public string EvalTime { get; set; } = "";

    public string Expr { get; set; } = "";

    public List<Dictionary<string, string>> ExpSamples { get; set; } = [];

    /// <summary>Since the start of the test.</summary>
    public TimeSpan At => TimeSpan.FromMinutes(Part().Matches(EvalTime).Sum(part =>
        int.Parse(part.Groups[1].Value, CultureInfo.InvariantCulture) * (part.Groups[2].Value == "d" ? 1440 : part.Groups[2].Value == "h" ? 60 : 1)));

    public bool SeesEverything => Expr == Everything || (Expr.StartsWith("count by (alertname, level", StringComparison.Ordinal) && Expr.EndsWith($" ({Everything})", StringComparison.Ordinal));

    public bool Sees(Rule alert) => ExpSamples.Any(sample =>
        sample["labels"].Contains($"alertname=\"{alert.Alert}\"", StringComparison.Ordinal) && (alert.Level.Length == 0 || sample["labels"].Contains($"level=\"{alert.Level}\"", StringComparison.Ordinal)));

    [GeneratedRegex("([0-9]+)([dhm])")]
    private static partial Regex Part();
}

/// <summary>An alert at an instant, with its labels and its whole text.</summary>
internal sealed class TextCheck
{
    public string Alertname { get; set; } = "";

    public List<ExpectedAlert> ExpAlerts { get; set; } = [];
}

/// <summary>What the text is expected to be.</summary>
internal sealed class ExpectedAlert
{
    public Dictionary<string, string> ExpLabels { get; set; } = [];

    public Dictionary<string, string> ExpAnnotations { get; set; } = [];
}

/// <summary>One test of a *.test.yml.</summary>
internal sealed class PromtoolTest
{
    public string Name { get; set; } = "";

    public List<ExpressionCheck> PromqlExprTest { get; set; } = [];

    public List<TextCheck> AlertRuleTest { get; set; } = [];

    /// <summary>All tests of the rules.</summary>
    public static IReadOnlyList<PromtoolTest> All { get; } = [.. RuleFile.TestFiles.SelectMany(Read)];

    private static List<PromtoolTest> Read(string path)
    {
        var yaml = new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).IgnoreUnmatchedProperties().Build();
        using var text = File.OpenText(path);
        var parser = new MergingParser(new Parser(text));
        parser.Consume<StreamStart>();
        return yaml.Deserialize<TestFile>(parser).Tests;
    }

    private sealed class TestFile
    {
        public List<PromtoolTest> Tests { get; set; } = [];
    }
}
