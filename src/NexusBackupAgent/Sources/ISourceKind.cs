using Microsoft.Extensions.Logging;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Postgres;
using NexusBackupAgent.Sources.S3;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Sources.Directories;

namespace NexusBackupAgent.Sources;

/// <summary>
/// A kind of thing that the agent protects. <see cref="Key"/> in a source's configuration makes the source one of this kind.
/// Whoever adds a kind registers it in <see cref="SourceKinds"/>; nothing above this folder knows it.
/// </summary>
internal interface ISourceKind
{
    /// <summary>The key in the configuration, and metric label <c>kind</c>: <c>sqlite</c>.</summary>
    string Key { get; }

    /// <summary>Whether its key means something else beside the key of another kind.</summary>
    bool YieldsToOthers => false;

    /// <summary>Its further keys beside that one: <c>busyTimeout</c>.</summary>
    IReadOnlyList<string> Options { get; }

    /// <summary>The levels of the file below its keys.</summary>
    IReadOnlyList<LevelKeys> Levels { get; }

    /// <summary>
    /// Sets apart what names files whose secret goes to a server. Who takes a source over from elsewhere has to look first whose file
    /// and whose server that is.
    /// </summary>
    /// <param name="keys">Of a source, as they are written.</param>
    /// <returns>The keys without them, and those that would be in their place with them.</returns>
    (MappingNode Open, MappingNode WithSecrets) WithoutSecretFiles(MappingNode keys) => (keys, keys with { Entries = [] });

    /// <summary>What one source of it is, for messages: <c>database</c>.</summary>
    string Noun { get; }

    /// <summary>A key with a value that would be right: <c>sqlite: data/itsm.db</c>.</summary>
    string Example { get; }

    /// <summary>What to use where another kind is not supported: <c>SQLite databases: sqlite: path/to/file.db</c>.</summary>
    string Offer { get; }

    /// <summary>Reads its keys and reports every problem in them.</summary>
    /// <param name="name">The source's name.</param>
    /// <param name="source">The source's section; it need not name this kind, whose options are read all the same.</param>
    /// <param name="baseDirectory">Where relative paths begin.</param>
    /// <returns>Null when the source does not name this kind, or its value was reported.</returns>
    ISourceSettings? Bind(string name, Section source, string baseDirectory);

    /// <summary>The keys of a source of which a backup is all that is known: the example of its place, and beside it what the backup's name tells.</summary>
    /// <param name="artifact">The backup's file.</param>
    MappingNode ExampleFor(string artifact) => (MappingNode)DocumentParser.Parse(Example)!;

    /// <summary>Whether the self-test can make a small real one: some kinds need a server for that.</summary>
    bool HasSpecimen => true;

    /// <summary>Makes a small real one for the self-test of the checks.</summary>
    /// <param name="directory">Empty; everything is made in it.</param>
    /// <exception cref="Common.BackupException">It can't be made.</exception>
    ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider);
}

/// <summary>What one configured source means: one thing to protect, or a group whose members come and go.</summary>
internal interface ISourceSettings
{
    ISourceKind Kind { get; }

    /// <summary>Whether each member that is found is a source of its own.</summary>
    bool IsGroup { get; }

    /// <summary>As configured, for messages: a path, a pattern, an address without secrets.</summary>
    string Shown { get; }

    /// <summary>Finds what is there now. What is no group is always found, whether or not it is there.</summary>
    /// <param name="before">What was found the last time: it stays where this look could not see.</param>
    SourceFindings Find(IReadOnlyCollection<FoundSource> before);

    /// <summary>Whether a member of the group could have this name.</summary>
    bool CanName(string name);

    /// <summary>Where the source of that name lies, or lay.</summary>
    string PlaceOf(string name);

    /// <summary>The path on this machine where a place is, links followed; null where it is elsewhere.</summary>
    string? LocalPath(string place);

    /// <summary>The same, of a source that consists of several places.</summary>
    IReadOnlyList<string> LocalPaths(string place) => LocalPath(place) is { } one ? [one] : [];

    /// <summary>Its own keys for the source of that place alone, so that whoever has a backup of it can configure a restore. No secret is in it. Null: this kind keeps none.</summary>
    MappingNode? OriginOf(string place) => null;

    /// <summary>Equal for two places of this kind that are one and the same thing.</summary>
    string Identify(string place);

    /// <param name="place">One that this group found.</param>
    /// <param name="scratch">Where it may work.</param>
    /// <param name="timeProvider">The clock.</param>
    IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers);

    /// <summary>Whether what is captured lies elsewhere than in the stores, so that copies of its backups are no further copies of it.</summary>
    bool KeepsElsewhere => false;

    /// <summary>Whether a capture of a differential or incremental backup reads what the one that it builds on holds, and not only the small files beside it.</summary>
    bool IncrementsReadBase => true;

    /// <summary>Whether its group may read what is protected. If not, nor may anybody read its backups but their owner.</summary>
    bool IsReadableByGroup(string place) => false;

    /// <summary>What stands in the way of reading it now.</summary>
    IEnumerable<ConfigurationProblem> Check();
}

/// <param name="Name">Metric label <c>source</c>.</param>
/// <param name="Place">Where it is, in the words of its kind: a path.</param>
internal sealed record FoundSource(string Name, string Place);

/// <param name="Found">Two of a group may have the same name.</param>
/// <param name="Unlisted">Places where more may be that could not be looked at.</param>
internal sealed record SourceFindings(IReadOnlyList<FoundSource> Found, IReadOnlyList<string> Unlisted);

/// <summary>The kinds of sources that an agent has.</summary>
/// <param name="kinds">The first one stands in the examples of messages.</param>
internal sealed class SourceKinds(params IReadOnlyList<ISourceKind> kinds)
{
    /// <summary>Kinds that a later version may have.</summary>
    private static readonly string[] Planned = ["s3"];

    /// <summary>The registration: a new kind is one entry here.</summary>
    public static SourceKinds Shipped { get; } = new(new SqliteSourceKind(), new PostgresSourceKind(), new DirectorySourceKind(), new S3SourceKind());

    /// <summary>A key and value of a source that would be right.</summary>
    public string Example => kinds[0].Example;

    /// <summary>What the self-test is made with where no configured kind has a specimen.</summary>
    public ISourceKind WithSpecimen => kinds.First(kind => kind.HasSpecimen);

    public IEnumerable<string> Keys => kinds.Select(kind => kind.Key);

    public IEnumerable<string> Options => kinds.SelectMany(kind => kind.Options).Distinct(StringComparer.Ordinal);

    public IEnumerable<LevelKeys> Levels => kinds.SelectMany(kind => kind.Levels);

    /// <returns>Null where there is no such kind.</returns>
    public ISourceKind? Find(string key) => kinds.FirstOrDefault(kind => kind.Key == key);

    /// <summary>Keys of kinds that a later version may have.</summary>
    public IReadOnlyList<string> Unsupported => [.. Planned.Except(Keys, StringComparer.Ordinal)];

    /// <summary>The mend of an unsupported kind.</summary>
    public string Supported => $"this version backs up {string.Join(", or ", kinds.Select(kind => kind.Offer))}";

    /// <summary>Reads what a source protects. One that names no kind, or several, still hears all that is wrong with their keys.</summary>
    /// <returns>Null when that is not known; it was reported.</returns>
    public ISourceSettings? Bind(string name, Section source, string baseDirectory)
    {
        IReadOnlyList<ISourceKind> named = [.. kinds.Where(kind => source.Find(kind.Key) is not null)];
        if (named.Count > 1)
            named = [.. named.Where(kind => !kind.YieldsToOthers)];
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
        source.Error(
            $"does not say which {string.Join(" or ", kinds.Select(kind => kind.Noun).Distinct(StringComparer.Ordinal))} to back up",
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
