using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.Configuration;

/// <summary>Makes parts of a configuration, and writes them as its file has them.</summary>
internal static partial class DocumentText
{
    private const string Step = "  ";

    /// <param name="entries">In order; one without a value is left out.</param>
    public static MappingNode Mapping(params IEnumerable<(string Key, DocumentNode? Value)> entries) =>
        new(Line: 0, [.. entries.Where(entry => entry.Value is not null).Select(entry => new MappingEntry(entry.Key, Line: 0, entry.Value!))]);

    /// <returns>Null of nothing.</returns>
    public static DocumentNode? Value(string? text) => string.IsNullOrEmpty(text) ? null : new ScalarNode(Line: 0, text, IsNull: false);

    /// <returns>Null of an empty list.</returns>
    public static DocumentNode? Values(IReadOnlyList<string> texts) => texts.Count == 0 ? null : new ListNode(Line: 0, [.. texts.Select(text => new ScalarNode(Line: 0, text, IsNull: false))]);

    /// <summary>The lines of a mapping; a key without a value ends with its colon.</summary>
    public static IEnumerable<string> Lines(MappingNode mapping, string indent)
    {
        foreach (var entry in mapping.Entries)
        {
            var key = $"{indent}{Scalar(entry.Key)}:";
            if (entry.Value is MappingNode { Entries.Count: > 0 } below)
            {
                yield return key;
                foreach (var line in Lines(below, indent + Step))
                    yield return line;
            }
            else
            {
                yield return entry.Value is ScalarNode { IsNull: true } ? key : $"{key} {InOneLine(entry.Value)}";
            }
        }
    }

    /// <summary>A text as the file has it: quoted where YAML would take it for something else.</summary>
    public static string Scalar(string text) => Plain().IsMatch(text) && text is not ("null" or "Null" or "NULL") ? text : $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static string InOneLine(DocumentNode node) => node switch
    {
        ListNode list => $"[{string.Join(", ", list.Items.Select(InOneLine))}]",
        MappingNode mapping => $"{{{string.Join(", ", mapping.Entries.Select(entry => $"{Scalar(entry.Key)}: {InOneLine(entry.Value)}"))}}}",
        ScalarNode { IsNull: false } scalar => Scalar(scalar.Text),
        _ => "null",
    };

    /// <summary>Letters that mean nothing to YAML wherever they stand, also in brackets.</summary>
    [GeneratedRegex(@"^[A-Za-z0-9_/.][A-Za-z0-9_/.+@-]*\z")]
    private static partial Regex Plain();
}
