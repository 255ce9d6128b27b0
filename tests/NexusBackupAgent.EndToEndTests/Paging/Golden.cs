using System.Text.Json.Nodes;
using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>Alerts as Alertmanager passes them to the templates, and the texts that were read and found good.</summary>
internal static class Golden
{
    /// <summary>Of rules from before the alerts carried the form.</summary>
    public const string Older = "older";

    public static IReadOnlyList<string> Samples { get; } = ["one", "several", "agent", "none", Older, "resolved", "resolved-several"];

    public static string Path(string file) => Repository.File("tests", "NexusBackupAgent.EndToEndTests", "Paging", "Golden", file);

    public static JsonNode Read(string sample) => JsonNode.Parse(File.ReadAllText(Path(sample + ".json")))!;

    /// <summary>Labels or annotations of an alert.</summary>
    public static Dictionary<string, string> Texts(JsonNode? map) =>
        map!.AsObject().ToDictionary(entry => entry.Key, entry => entry.Value!.GetValue<string>(), StringComparer.Ordinal);
}
