using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Dashboards;

/// <summary>A Grafana dashboard that the product ships.</summary>
/// <param name="Name">Its file in <c>dashboards/</c>; after <c>ja/</c> the Japanese edition, which <c>dashboards/ja.sed</c> makes of it.</param>
public sealed record Dashboard(string Name)
{
    private static readonly string[] Names = ["nexus-backup-overview.json", "nexus-backup-source.json"];

    private static readonly Lazy<string> JapaneseEdition = new(MakeJapaneseEdition);

    /// <summary>The English ones, from which the Japanese ones are made.</summary>
    public static TheoryData<string> English => [.. Names];

    /// <summary>Both editions.</summary>
    public static TheoryData<string> All => [.. Names, .. Names.Select(name => $"ja/{name}")];

    /// <summary>The English ones; the queries of the others are the same.</summary>
    public static IEnumerable<Dashboard> Shipped => Names.Select(name => new Dashboard(name));

    /// <summary>All queries of the shipped dashboards.</summary>
    public static IEnumerable<(string Panel, string Expression)> Expressions => Shipped.SelectMany(dashboard => dashboard.Queries);

    public string Path => PathOf(Name);

    public string Text => File.ReadAllText(Path);

    internal JsonElement Json { get; } = JsonDocument.Parse(File.ReadAllText(PathOf(Name))).RootElement;

    /// <summary>What is there at the first look.</summary>
    internal IEnumerable<JsonElement> OpenPanels => Json.GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    /// <summary>Each holds its panels.</summary>
    internal IEnumerable<JsonElement> Rows => Json.GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() == "row");

    /// <summary>Also those in closed rows.</summary>
    internal IEnumerable<JsonElement> Panels => OpenPanels.Concat(Rows.SelectMany(row => row.GetProperty("panels").EnumerateArray()));

    internal IEnumerable<JsonElement> Variables => Json.GetProperty("templating").GetProperty("list").EnumerateArray();

    /// <summary>The panels' queries, each with its panel.</summary>
    internal IEnumerable<(JsonElement Panel, JsonElement Target)> Targets =>
        from panel in Panels
        from target in panel.GetProperty("targets").EnumerateArray()
        select (panel, target);

    /// <summary>Panel title and expression, with template variables and macros replaced by what they are for "All" and a week.</summary>
    public IEnumerable<(string Panel, string Expression)> Queries => Targets.Select(query => (TitleOf(query.Panel), WithAllSelected(ExpressionOf(query.Target))));

    /// <summary>A value of its field configuration for all fields; undefined where Grafana's own default holds.</summary>
    internal static JsonElement DefaultOf(JsonElement panel, string name) =>
        panel.GetProperty("fieldConfig").GetProperty("defaults").TryGetProperty(name, out var value) ? value : default;

    internal static IEnumerable<JsonElement> OverridesOf(JsonElement panel) => panel.GetProperty("fieldConfig").GetProperty("overrides").EnumerateArray();

    internal static string TitleOf(JsonElement panel) => panel.GetProperty("title").GetString()!;

    internal static string ExpressionOf(JsonElement target) => target.GetProperty("expr").GetString()!;

    private static string PathOf(string name) => name.StartsWith("ja/", StringComparison.Ordinal)
        ? System.IO.Path.Combine(JapaneseEdition.Value, name["ja/".Length..])
        : Repository.File("dashboards", name);

    /// <summary>As the documentation says: copies, changed in place.</summary>
    private static string MakeJapaneseEdition()
    {
        var directory = Directory.CreateDirectory(Repository.File("artifacts", "dashboards", "ja")).FullName;
        foreach (var name in Names) File.Copy(Repository.File("dashboards", name), System.IO.Path.Combine(directory, name), overwrite: true);
        var sed = Tool.RunAsync("sed", ["-i", "-f", Repository.File("dashboards", "ja.sed"), .. Names.Select(name => System.IO.Path.Combine(directory, name))]).GetAwaiter().GetResult();
        return sed.ExitCode == 0 ? directory : throw new InvalidOperationException(sed.Text);
    }

    private static string WithAllSelected(string expression) =>
        new[] { ("$job", ".+"), ("$instance", ".+"), ("$source", ".+"), ("$__range", "7d"), ("$__rate_interval", "1h") }
            .Aggregate(expression, (text, variable) => text.Replace(variable.Item1, variable.Item2, StringComparison.Ordinal));
}
