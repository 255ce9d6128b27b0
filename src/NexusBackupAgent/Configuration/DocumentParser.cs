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
            if (!parser.TryConsume<YamlDotNet.Core.Events.Scalar>(out var key))
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
        var scalar = parser.Consume<YamlDotNet.Core.Events.Scalar>();
        var isNull = scalar is { Style: ScalarStyle.Plain, Value: "" or "~" or "null" or "Null" or "NULL" };
        return new ScalarNode(LineOf(scalar), scalar.Value, isNull);
    }

    private static int LineOf(ParsingEvent parsed) => (int)parsed.Start.Line;

    private static YamlException Refuse(ParsingEvent at, string message) => new(at.Start, at.End, message);
}

/// <summary>A node of the YAML file.</summary>
/// <param name="Line">The 1-based line that it starts on.</param>
internal abstract record DocumentNode(int Line);

/// <param name="Line">The 1-based line that it starts on.</param>
/// <param name="Text">As YAML reads it, quotes removed.</param>
/// <param name="IsNull">Nothing was written, or an unquoted <c>null</c> or <c>~</c>.</param>
internal sealed record ScalarNode(int Line, string Text, bool IsNull) : DocumentNode(Line);

/// <param name="Line">The 1-based line that it starts on.</param>
/// <param name="Items">In order.</param>
internal sealed record ListNode(int Line, IReadOnlyList<DocumentNode> Items) : DocumentNode(Line);

/// <param name="Line">The 1-based line that it starts on.</param>
/// <param name="Entries">In order; a key may occur twice, which YAML forbids and the reader reports.</param>
internal sealed record MappingNode(int Line, IReadOnlyList<MappingEntry> Entries) : DocumentNode(Line);

/// <param name="Key">The key's text.</param>
/// <param name="Line">The key's 1-based line.</param>
/// <param name="Value">What it maps to.</param>
internal sealed record MappingEntry(string Key, int Line, DocumentNode Value);

/// <summary>Dotted paths of keys.</summary>
internal static class KeyPath
{
    /// <summary>A part with dots or spaces is quoted, so that the path still reads; an empty first part is the root.</summary>
    public static string Join(string path, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            path = path.Length == 0 ? Quote(name) : $"{path}.{Quote(name)}";
        return path;
    }

    /// <summary>Whether a path is the one of these names, or leads further down.</summary>
    public static bool IsBelow(string path, params ReadOnlySpan<string> names) =>
        Join("", names) is var above && (path == above || path.StartsWith(above + ".", StringComparison.Ordinal));

    private static string Quote(string name) =>
        name.Length > 0 && name.All(letter => char.IsLetterOrDigit(letter) || letter is '_' or '-') ? name : $"\"{name}\"";
}
