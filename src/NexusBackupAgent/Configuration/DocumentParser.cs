using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace NexusBackupAgent.Configuration;

/// <summary>
/// Builds nodes from YAML's events. The library's own tree stops at the first duplicate key;
/// this one keeps both, so that a duplicate is one problem among all the others.
/// </summary>
internal sealed class DocumentParser
{
    /// <summary>Deeper nesting than any configuration has; without a limit, a hostile file overflows the stack.</summary>
    private const int MaximumDepth = 32;

    private readonly Parser parser;
    private readonly Dictionary<AnchorName, DocumentNode> anchors = [];

    private DocumentParser(string text) => parser = new Parser(new StringReader(text));

    /// <returns>The root, or null for a file without content.</returns>
    /// <exception cref="YamlException">The text is not YAML, or uses more of YAML than a configuration needs.</exception>
    public static DocumentNode? Parse(string text)
    {
        var document = new DocumentParser(text);
        try
        {
            return document.ReadStream();
        }
        catch (InvalidOperationException lost)
        {
            // The library loses its way in some brackets that are never closed.
            var last = document.parser.Current!;
            throw new YamlException(last.Start, last.End, "a bracket or brace is not closed", lost);
        }
    }

    private DocumentNode? ReadStream()
    {
        parser.Consume<StreamStart>();
        if (!parser.TryConsume<DocumentStart>(out _))
            return null;
        var root = ReadNode(depth: 0);
        parser.Consume<DocumentEnd>();
        if (parser.Accept<DocumentStart>(out var second))
            throw Refuse(second, "a second document begins here; the configuration is one document");
        return root is ScalarNode { IsNull: true } ? null : root;
    }

    private DocumentNode ReadNode(int depth)
    {
        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            return anchors.GetValueOrDefault(alias.Value)
                ?? throw Refuse(alias, $"*{alias.Value} refers to an anchor that is not defined above it");
        }

        if (!parser.Accept<NodeEvent>(out var start))
            throw Refuse(parser.Current!, "a value is expected");
        if (depth > MaximumDepth)
            throw Refuse(start, $"nested deeper than {MaximumDepth} levels");

        var anchor = start.Anchor;
        DocumentNode node = start switch
        {
            MappingStart => ReadMapping(depth),
            SequenceStart => ReadList(depth),
            _ => ReadScalar(),
        };
        if (!anchor.IsEmpty)
            anchors[anchor] = node;
        return node;
    }

    private MappingNode ReadMapping(int depth)
    {
        var line = LineOf(parser.Consume<MappingStart>());
        var entries = new List<MappingEntry>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            if (!parser.TryConsume<Scalar>(out var key))
                throw Refuse(parser.Current!, "a key must be plain text");
            entries.Add(new MappingEntry(key.Value, LineOf(key), ReadNode(depth + 1)));
        }

        return new MappingNode(line, entries);
    }

    private ListNode ReadList(int depth)
    {
        var line = LineOf(parser.Consume<SequenceStart>());
        var items = new List<DocumentNode>();
        while (!parser.TryConsume<SequenceEnd>(out _))
            items.Add(ReadNode(depth + 1));
        return new ListNode(line, items);
    }

    private ScalarNode ReadScalar()
    {
        var scalar = parser.Consume<Scalar>();
        var isNull = scalar is { Style: ScalarStyle.Plain, Value: "" or "~" or "null" or "Null" or "NULL" };
        return new ScalarNode(LineOf(scalar), scalar.Value, isNull);
    }

    private static int LineOf(ParsingEvent parsed) => (int)parsed.Start.Line;

    private static YamlException Refuse(ParsingEvent at, string message) => new(at.Start, at.End, message);
}
