using NexusBackupAgent.Configuration;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Sources;

/// <summary>The kinds of sources that an agent has.</summary>
/// <param name="kinds">The first one stands in the examples of messages.</param>
internal sealed class SourceKinds(params IReadOnlyList<ISourceKind> kinds)
{
    /// <summary>Kinds that a later version may have.</summary>
    private static readonly string[] Planned = ["postgres", "s3"];

    /// <summary>The registration: a new kind is one entry here.</summary>
    public static SourceKinds Shipped { get; } = new(new SqliteSourceKind());

    /// <summary>A key and value of a source that would be right.</summary>
    public string Example => kinds[0].Example;

    public IEnumerable<string> Keys => kinds.Select(kind => kind.Key);

    public IEnumerable<string> Options => kinds.SelectMany(kind => kind.Options).Distinct(StringComparer.Ordinal);

    public IEnumerable<LevelKeys> Levels => kinds.SelectMany(kind => kind.Levels);

    /// <summary>Keys of kinds that a later version may have.</summary>
    public IReadOnlyList<string> Unsupported => [.. Planned.Except(Keys, StringComparer.Ordinal)];

    /// <summary>The mend of an unsupported kind.</summary>
    public string Supported => $"this version backs up {string.Join(", or ", kinds.Select(kind => kind.Offer))}";

    /// <summary>Reads what a source protects. One that names no kind, or several, still hears all that is wrong with their keys.</summary>
    /// <returns>Null when that is not known; it was reported.</returns>
    public ISourceSettings? Bind(string name, Section source, string baseDirectory)
    {
        IReadOnlyList<ISourceKind> named = [.. kinds.Where(kind => source.Find(kind.Key) is not null)];
        if (named is [var only])
        {
            RefuseOptionsOfOthers(source, only);
            return only.Bind(name, source, baseDirectory);
        }

        if (named.Count > 1)
            source.Error($"names {string.Join(" and ", named.Select(kind => kind.Key))}, and a source is of one kind", "keep one of them; make another source for the other");
        else if (!Unsupported.Any(kind => source.Find(kind) is not null))
            ReportNone(source);
        foreach (var kind in named.Count > 1 ? named : kinds)
            kind.Bind(name, source, baseDirectory);
        return null;
    }

    private void ReportNone(Section source)
    {
        var tree = source.Find("directory") is null ? "" : "; directory trees as sources are not supported by this version";
        source.Error(
            $"does not say which {string.Join(" or ", kinds.Select(kind => kind.Noun).Distinct(StringComparer.Ordinal))} to back up{tree}",
            $"write for example {string.Join(" or ", kinds.Select(kind => kind.Example))}");
    }

    private void RefuseOptionsOfOthers(Section source, ISourceKind kind)
    {
        foreach (var other in kinds.Where(other => other != kind))
        {
            foreach (var field in other.Options.Except(kind.Options, StringComparer.Ordinal).Select(source.Find).OfType<Field>())
                field.Error($"has no meaning for a source with {kind.Key}", $"remove it; only a source with {other.Key} has it");
        }
    }
}
