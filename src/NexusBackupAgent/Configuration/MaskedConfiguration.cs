using System.Text;
using System.Text.Json.Nodes;

namespace NexusBackupAgent.Configuration;

/// <summary>The file as it is written, for somebody to look at: what may be a secret is masked.</summary>
internal static class MaskedConfiguration
{
    private const string Mask = "•••";

    /// <summary>Keys below which every value may be a secret.</summary>
    private static readonly string[] Secret = ["password", "token", "auth", "hooks", "credentials", "secret", "secretKey", "accessKey"];

    /// <returns>Null when the file can't be read; <c>check-config</c> says why.</returns>
    public static JsonNode? Read(string file)
    {
        try
        {
            return DocumentParser.Parse(File.ReadAllText(file, Encoding.UTF8)) is { } root ? Of(root, isSecret: false) : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or YamlDotNet.Core.YamlException)
        {
            return null;
        }
    }

    private static JsonNode? Of(DocumentNode node, bool isSecret)
    {
        switch (node)
        {
            case MappingNode mapping:
                var below = new JsonObject();
                foreach (var entry in mapping.Entries)
                    below[entry.Key] = Of(entry.Value, isSecret || Secret.Contains(entry.Key, StringComparer.OrdinalIgnoreCase));
                return below;
            case ListNode list:
                return new JsonArray([.. list.Items.Select(item => Of(item, isSecret))]);
            case ScalarNode { IsNull: false } scalar:
                return JsonValue.Create(isSecret ? Mask : Field.WithoutPath(scalar.Text));
            default:
                return null;
        }
    }
}
