using Microsoft.Extensions.Logging;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary><c>sqlite:</c>, the path of a database or a pattern of many.</summary>
internal sealed class SqliteSourceKind : ISourceKind
{
    private const string PathExample = "data/itsm.db";

    public string Key => "sqlite";

    public IReadOnlyList<string> Options => ["busyTimeout"];

    public IReadOnlyList<LevelKeys> Levels => [];

    public string Noun => SqliteSource.Word.English;

    public string Example => $"sqlite: {PathExample}";

    public string Offer => "SQLite databases: sqlite: path/to/file.db";

    public ISourceSettings? Bind(string name, Section source, string baseDirectory)
    {
        var path = source.Find(Key)?.Parse(text => SqliteGlob.Parse(text, baseDirectory), fallback: null, PathExample);
        var busyTimeout = source.Duration("busyTimeout", TimeSpan.FromSeconds(30), TimeSpan.Zero, TimeSpan.FromHours(1));
        return path is null ? null : new SqliteSettings(this, name, path, busyTimeout);
    }

    public ISpecimen NewSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider) => new SqliteSpecimen(directory, scratch, timeProvider);
}

/// <param name="Kind">Its kind.</param>
/// <param name="Name">The source's name; of a pattern the group's.</param>
/// <param name="Path">Absolute; <c>*</c> and <c>?</c> in the file's name and <c>*</c> in directories make it a pattern.</param>
/// <param name="BusyTimeout">How long a locked database is waited for. Default 30 s; 0 s to 1 h.</param>
internal sealed record SqliteSettings(ISourceKind Kind, string Name, string Path, TimeSpan BusyTimeout) : ISourceSettings
{
    public bool IsGroup => SqliteGlob.IsPattern(Path);

    public string Shown => Path;

    private string PathKey => KeyPath.Join("sources", Name, Kind.Key);

    public SourceFindings Find(IReadOnlyCollection<FoundSource> before)
    {
        if (!IsGroup)
            return new SourceFindings([new FoundSource(Name, Path)], Unlisted: []);

        var matches = SqliteGlob.Expand(Path, out var unlisted).Select(match => new FoundSource(match.Name, match.Path));
        // What was found below a directory that can't be listed now is not gone for that.
        var hidden = before.Where(source => unlisted.Any(directory => source.Place.StartsWith(directory + "/", StringComparison.Ordinal)));
        return new SourceFindings([.. matches.UnionBy(hidden, source => source.Name, StringComparer.Ordinal)], unlisted);
    }

    public bool CanName(string name) => IsGroup && SqliteGlob.CanName(Path, name);

    public string PlaceOf(string name) => IsGroup ? SqliteGlob.PathOf(Path, name) : Path;

    public string Identify(string place) => FileIdentity.Of(PathText.Resolve(place));

    public IBackupSource Open(string place, ScratchDirectory scratch, TimeProvider timeProvider, ILoggerFactory loggers) =>
        new SqliteSource(place, scratch, BusyTimeout, timeProvider, loggers.CreateLogger<PageIndexes>());

    public IEnumerable<ConfigurationProblem> Check()
    {
        if (!IsGroup)
            return Check(Path);

        var matches = SqliteGlob.Find(Path, out var unlisted);
        var refused = unlisted.Select(directory => Warning(directory, "may not be listed, so databases in it are not found", "give this user access to the directory, or narrow the pattern"));
        return matches.Count > 0
            ? [.. refused, .. matches.SelectMany(Check)]
            : [.. refused, Warning(Path, "matches no file yet", "check the pattern; files that appear later are picked up")];
    }

    private IEnumerable<ConfigurationProblem> Check(string database)
    {
        if (FindObstacle(database) is var (problem, mend))
            yield return new ConfigurationProblem(PathKey, Line: 0, database, problem, mend);
    }

    private ConfigurationProblem Warning(string value, string problem, string mend) => new(PathKey, Line: 0, value, problem, mend, IsError: false);

    private static (string Problem, string Mend)? FindObstacle(string database)
    {
        if (Directory.Exists(database))
            return ("is a directory, not a database file", "name the database file, or write a pattern such as data/*.db");
        try
        {
            using var file = new FileStream(database, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
            return null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return ("the database does not exist", "check the path, and that its disk is mounted");
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return ("the database may not be read by this user", $"give the agent's user read access: ls -l '{database}'");
        }
    }
}
