using NexusBackupAgent.EndToEndTests.Support;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>One rule as the file has it: either <see cref="Alert"/> or <see cref="Record"/> is its name.</summary>
public sealed class Rule
{
    public string? Alert { get; set; }

    public string? Record { get; set; }

    public string Expr { get; set; } = "";

    public Dictionary<string, string> Labels { get; set; } = [];

    public Dictionary<string, string> Annotations { get; set; } = [];

    /// <summary>L1 to L3; empty where nobody is called.</summary>
    public string Level => Labels.GetValueOrDefault("level", "");

    /// <summary>Name and level, as messages name an alert.</summary>
    public string Title => $"{Alert}/{Level}";
}

/// <summary>The alert rules that the product ships, and where they and their tests lie.</summary>
internal static class RuleFile
{
    public static string Directory => Repository.File("alerts");

    public static string Path => Repository.File("alerts", "nexus-backup.rules.yml");

    /// <summary>The promtool unit tests, all files.</summary>
    public static IReadOnlyList<string> TestFiles => System.IO.Directory.GetFiles(Repository.File("tests", "alerts"), "*.test.yml");

    /// <summary>The groups in which a test of the rules evaluates them: what alerts are made of first.</summary>
    public const string EvaluationOrder = "[nexus-backup.records, nexus-backup.runbook, nexus-backup.agent, nexus-backup.watchdog]";

    /// <summary>Records and alerts in the file's order, what alerts are made of before them.</summary>
    public static IReadOnlyList<Rule> Rules { get; } = [.. Read().OrderBy(rule => rule.Alert is not null)];

    /// <summary>The rules that alert; one name appears once for each of its levels.</summary>
    public static IEnumerable<Rule> Alerts => Rules.Where(rule => rule.Alert is not null);

    /// <summary>The file with the annotations left out, as JSON.</summary>
    public static string WithoutAnnotations() => Json(without: "annotations");

    /// <summary>The file as JSON. What several alerts share (<c>&lt;&lt;: *name</c>) stands in each.</summary>
    /// <param name="without">A key that is left out wherever it stands.</param>
    public static string Json(string? without = null)
    {
        var file = Merged(new DeserializerBuilder().Build().Deserialize<object>(System.IO.File.ReadAllText(Path)), without);
        return new SerializerBuilder().JsonCompatible().Build().Serialize(file);
    }

    /// <summary>YamlDotNet's own merging takes aliases only, and none that stands in what is merged.</summary>
    private static object Merged(object node, string? without) => node switch
    {
        Dictionary<object, object> map => map.Where(entry => (string)entry.Key != without)
            .SelectMany(entry => (string)entry.Key == "<<" ? (Dictionary<object, object>)Merged(entry.Value, without) : new Dictionary<object, object> { [entry.Key] = Merged(entry.Value, without) })
            .ToDictionary(entry => entry.Key, entry => entry.Value),
        List<object> list => list.ConvertAll(one => Merged(one, without)),
        _ => node,
    };

    private static List<Rule> Read()
    {
        var yaml = new DeserializerBuilder()
            .WithNamingConvention(UnderscoredNamingConvention.Instance)
            .IgnoreUnmatchedProperties()
            .Build();
        return yaml.Deserialize<File>(Json()).Groups.SelectMany(group => group.Rules).ToList();
    }

    private sealed class File
    {
        public List<Group> Groups { get; set; } = [];
    }

    private sealed class Group
    {
        public List<Rule> Rules { get; set; } = [];
    }
}
