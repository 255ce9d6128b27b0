using System.Text.RegularExpressions;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The metrics of the agent by name, and the ones that an expression uses.</summary>
internal static partial class Metrics
{
    /// <summary>A scrape of an agent with one source, one store and every metric of this release.</summary>
    public static string SampleScrape { get; } =
        File.ReadAllText(Repository.File("tests", "NexusBackupAgent.EndToEndTests", "Alerts", "metrics.txt"));

    /// <summary>Names of all series that the agent exports.</summary>
    public static IReadOnlySet<string> Exported { get; } =
        TypeLine().Matches(SampleScrape).Select(match => match.Groups[1].Value).ToHashSet();

    /// <summary>What Prometheus adds by itself, and what node_exporter says of itself and its textfiles.</summary>
    public static IReadOnlySet<string> FromPrometheus { get; } = new HashSet<string> { "up", "ALERTS", "node_exporter_build_info", "node_textfile_mtime_seconds" };

    /// <summary>Every series selector in an expression, <c>name{matchers}</c> without range.</summary>
    public static IEnumerable<string> SelectorsIn(string expression) =>
        Selector().Matches(expression).Select(match => match.Value).Distinct();

    /// <summary>The metric names in an expression.</summary>
    public static IEnumerable<string> NamesIn(string expression) =>
        Selector().Matches(expression).Select(match => match.Groups[1].Value).Distinct();

    /// <summary>The labels of a metric that the agent exports.</summary>
    public static IEnumerable<string> LabelsOf(string metric) =>
        SampleScrape.Split('\n').Where(line => line.StartsWith(metric + "{", StringComparison.Ordinal))
            .SelectMany(line => Label().Matches(line).Select(match => match.Groups[1].Value)).Distinct();

    [GeneratedRegex(@"(\w+)=""")]
    private static partial Regex Label();

    [GeneratedRegex(@"^# TYPE (\w+) ", RegexOptions.Multiline)]
    private static partial Regex TypeLine();

    // A brace inside a quoted matcher does not end the selector.
    [GeneratedRegex(@"\b(nexus_backup[_:][\w:]*|node_exporter_build_info|node_textfile_mtime_seconds|up|ALERTS)\b(\{(?:[^}""]|""[^""]*"")*\})?")]
    private static partial Regex Selector();
}
