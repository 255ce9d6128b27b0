using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>A Grafana dashboard that the product ships.</summary>
/// <param name="Name">Its path below <c>dashboards/</c>.</param>
public sealed record Dashboard(string Name)
{
    private static readonly string[] Names = ["nexus-backup-overview.json", "nexus-backup-source.json"];

    /// <summary>The English ones, from which the Japanese ones are made.</summary>
    public static TheoryData<string> English => [.. Names];

    /// <summary>Both editions.</summary>
    public static TheoryData<string> All => [.. Names, .. Names.Select(name => $"ja/{name}")];

    /// <summary>The English ones; the queries of the others are the same.</summary>
    public static IEnumerable<Dashboard> Shipped => Names.Select(name => new Dashboard(name));

    /// <summary>All queries of the shipped dashboards.</summary>
    public static IEnumerable<(string Panel, string Expression)> Expressions => Shipped.SelectMany(dashboard => dashboard.Queries);

    public string Path => Repository.File("dashboards", Name);

    public string Text => File.ReadAllText(Path);

    internal JsonElement Json { get; } = JsonDocument.Parse(File.ReadAllText(Repository.File("dashboards", Name))).RootElement;

    /// <summary>Rows are only headings.</summary>
    internal IEnumerable<JsonElement> Panels =>
        Json.GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    internal IEnumerable<JsonElement> Variables => Json.GetProperty("templating").GetProperty("list").EnumerateArray();

    /// <summary>The panels' queries, each with its panel.</summary>
    internal IEnumerable<(JsonElement Panel, JsonElement Target)> Targets =>
        from panel in Panels
        from target in panel.GetProperty("targets").EnumerateArray()
        select (panel, target);

    /// <summary>The marks in the graphs, one kind for each level.</summary>
    internal IEnumerable<JsonElement> Annotations => Json.GetProperty("annotations").GetProperty("list").EnumerateArray();

    /// <summary>
    /// Panel title (or the annotation's name) and expression, with template variables and macros replaced by what they are
    /// for "All" and a week.
    /// </summary>
    public IEnumerable<(string Panel, string Expression)> Queries =>
        Targets.Select(query => (TitleOf(query.Panel), WithAllSelected(ExpressionOf(query.Target))))
            .Concat(Annotations.Select(annotation => (annotation.GetProperty("name").GetString()!, WithAllSelected(ExpressionOf(annotation.GetProperty("target"))))));

    internal static string TitleOf(JsonElement panel) => panel.GetProperty("title").GetString()!;

    internal static string ExpressionOf(JsonElement target) => target.GetProperty("expr").GetString()!;

    private static string WithAllSelected(string expression) =>
        new[] { ("$job", ".+"), ("$instance", ".+"), ("$source", ".+"), ("$__range", "7d"), ("$__rate_interval", "1h") }
            .Aggregate(expression, (text, variable) => text.Replace(variable.Item1, variable.Item2, StringComparison.Ordinal));
}
