using Microsoft.Extensions.Logging;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary><c>directory:</c>, one directory or a list of them, with all that is in them.</summary>
internal sealed class DirectorySourceKind : ISourceKind
{
    public const string Word = "directory";

    private const string PathExample = "/etc/dataset-management";

    public string Key => Word;

    /// <summary>Beside the key of another kind it is where the backups lie in the store.</summary>
    public bool YieldsToOthers => true;

    public IReadOnlyList<string> Options => ["include", "exclude", "unreadable"];

    public IReadOnlyList<LevelKeys> Levels => [];

    public string Noun => DirectorySource.Word.English;

    public string Example => $"{Word}: {PathExample}";

    public string Offer => $"directories: {Word}: [{PathExample}]";

    public ISourceSettings? Bind(string name, Section source, string baseDirectory)
    {
        var options = new TreeOptions(Patterns(source, "include", "*.conf"), Patterns(source, "exclude", "*.tmp"), SkipsUnreadable(source));
        if (source.Find(Key) is not { } field)
            return null;
        if (field.IsEmpty)
        {
            field.Error("names no directory", $"write for example {Example}");
            return null;
        }

        var roots = field.OneOrMany().Select(item => item.Parse(text => ParseRoot(text, baseDirectory), fallback: null, PathExample)).ToList();
        if (roots.Count == 0)
            field.Error("names no directory", $"write for example {Example}");
        if (roots.Count == 0 || roots.Contains(null))
            return null;
        var sorted = roots.OfType<string>().Order(Comparer<string>.Create(TreeEntry.Order)).ToList();
        for (var at = 1; at < sorted.Count; at++)
        {
            if (PathText.IsInside(sorted[at], sorted[at - 1]))
            {
                field.Error($"names '{sorted[at]}', which is in '{sorted[at - 1]}' already", "name each directory once");
                return null;
            }
        }

        return new TreeSettings(this, name, sorted, options);
    }

    /// <summary>Any content is right in a file, so there is no damage that only a check of this kind finds.</summary>
    public bool HasSpecimen => false;

    public ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider) => throw new NotSupportedException("a directory has no damage of its own");

    private static string ParseRoot(string text, string baseDirectory)
    {
        var path = PathText.Parse(text, baseDirectory).TrimEnd('/');
        return path.Length == 0 ? throw new WrongTextException("is the root of the file system", "name the directories below it that matter") : path;
    }

    private static IReadOnlyList<string> Patterns(Section source, string key, string example) =>
        source.Find(key) is { IsEmpty: false } field ? [.. field.OneOrMany().Select(item => item.Parse(TreePattern.Parse, fallback: null, example)).OfType<string>()] : [];

    private static bool SkipsUnreadable(Section source) => source.Find("unreadable")?.Parse(
        text => text switch
        {
            "skip" => true,
            "fail" => false,
            _ => throw new WrongTextException("is neither fail nor skip", "write unreadable: fail, or unreadable: skip"),
        },
        fallback: false,
        "fail") ?? false;
}

/// <param name="Include">Patterns; empty: everything.</param>
/// <param name="Exclude">Patterns.</param>
/// <param name="SkipsUnreadable">Whether a backup counts without what this user may not read.</param>
internal sealed record TreeOptions(IReadOnlyList<string> Include, IReadOnlyList<string> Exclude, bool SkipsUnreadable)
{
    public TreePatterns Patterns { get; } = new(Include, Exclude);
}

/// <param name="Roots">Absolute, in the order of the tree, none in another.</param>
internal sealed record TreeSettings(ISourceKind Kind, string Name, IReadOnlyList<string> Roots, TreeOptions Options) : ISourceSettings
{
    public bool IsGroup => false;

    public string Shown => string.Join(", ", Roots);

    private string PathKey => KeyPath.Join("sources", Name, Kind.Key);

    public SourceFindings Find(IReadOnlyCollection<FoundSource> before) => new([new FoundSource(Name, Shown)], Unlisted: []);

    public bool CanName(string name) => false;

    public string PlaceOf(string name) => Shown;

    public MappingNode OriginOf(string place) => DocumentText.Mapping(
        (Kind.Key, Roots is [var only] ? DocumentText.Value(only) : DocumentText.Values(Roots)), ("include", DocumentText.Values(Options.Include)), ("exclude", DocumentText.Values(Options.Exclude)));

    public string? LocalPath(string place) => KernelPath.Resolve(Roots[0]);

    public IReadOnlyList<string> LocalPaths(string place) => [.. Roots.Select(KernelPath.Resolve)];

    public string Identify(string place) => string.Join('\n', Roots.Select(root => FileIdentity.Of(KernelPath.Resolve(root))));

    public IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) => new DirectorySource(Roots, Options, scratch, timeProvider);

    public IEnumerable<ConfigurationProblem> Check()
    {
        foreach (var root in Roots)
        {
            if (TreeWalk.Mistake(root) is var (problem, mend))
                yield return new ConfigurationProblem(PathKey, Line: 0, root, problem, mend);
        }
    }
}
