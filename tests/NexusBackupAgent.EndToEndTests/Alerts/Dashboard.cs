using System.Text.Json;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Alerts;

/// <summary>The Grafana dashboard that the product ships.</summary>
internal static class Dashboard
{
    public static string Text { get; } = File.ReadAllText(Repository.File("dashboards", "nexus-backup-overview.json"));

    public static JsonElement Json { get; } = JsonDocument.Parse(Text).RootElement;

    /// <summary>The panels that show something; rows are only headings.</summary>
    public static IEnumerable<JsonElement> Panels =>
        Json.GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    /// <summary>Panel title and expression, with the template variables replaced by what "All" means.</summary>
    public static IEnumerable<(string Panel, string Expression)> Expressions =>
        from panel in Panels
        from target in panel.GetProperty("targets").EnumerateArray()
        select (panel.GetProperty("title").GetString()!, WithAllSelected(target.GetProperty("expr").GetString()!));

    private static string WithAllSelected(string expression) =>
        new[] { "$job", "$instance", "$source" }.Aggregate(expression, (text, variable) => text.Replace(variable, ".+", StringComparison.Ordinal));
}
