using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
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
    // A program that opens or closes a database is for a moment seen on it and not on its -wal; while it closes, for as long as its disk takes.
    private const int Looks = 250;

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

    public MappingNode OriginOf(string place) => DocumentText.Mapping((Kind.Key, DocumentText.Value(place)));

    public string? LocalPath(string place) => KernelPath.Resolve(place);

    public string Identify(string place) => FileIdentity.Of(KernelPath.Resolve(place));

    public bool IncrementsReadBase => false; // the hashes of its pages lie beside it

    public bool IsReadableByGroup(string place) => FileStatus.Of(place) is { } file && file.Mode.HasFlag(UnixFileMode.GroupRead);

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
        else if (FindRisk(database) is var (risk, isError, better))
            yield return new ConfigurationProblem(PathKey, Line: 0, database, risk, better, isError);
    }

    private ConfigurationProblem Warning(string value, string problem, string mend) => new(PathKey, Line: 0, value, problem, mend, IsError: false);

    private static (string Problem, string Mend)? FindObstacle(string database)
    {
        try
        {
            using var file = RegularFile.OpenRead(database);
            return RandomAccess.GetLength(file) == 0 || SqliteFile.LooksLikeOne(file)
                ? null
                : ("is encrypted, or no SQLite database", $"check the path (file '{database}'); an encrypted database can't be backed up page by page: have its application write a plain copy, and name that");
        }
        catch (NotRegularFileException directory) when (directory.Type == FileType.Directory)
        {
            return ("is a directory, not a database file", "name the database file, or write a pattern such as data/*.db");
        }
        catch (NotRegularFileException other)
        {
            return ($"is {other.Type.Name()}, not a database file", $"name the database file, or find out what made this: ls -l '{database}'");
        }
        catch (FileNotFoundException)
        {
            return DeletedDatabase.Find(database) is { } held ? ($"the database {held.Problem}", held.Mend) : ("the database does not exist", "check the path, and that its disk is mounted");
        }
        catch (UnauthorizedAccessException)
        {
            return ("the database may not be read by this user", $"give the agent's user read access: ls -l '{database}'");
        }
        catch (IOException unreadable)
        {
            return ($"the database can't be read: {unreadable.Message}", $"check the path (ls -l '{database}') and the disk (dmesg | tail)");
        }
    }

    /// <summary>What hides committed data from a backup, now or one day. It opens the database, as only a command may, not an agent amid its runs.</summary>
    private static (string Problem, bool IsError, string Mend)? FindRisk(string database)
    {
        try
        {
            if (FileStatus.Of(database) is { Length: 0 })
                return null; // its application may not have begun; the run tells
            var (found, isError) = (default(HiddenWal), true);
            for (var look = 0; look < Looks; look++)
            {
                using var opened = OpenDatabase.Peek(database);
                found = HiddenWal.Find(opened, out var use);
                isError = found is not null || opened.IsWal; // without a WAL a lock may be that of a long transaction
                found ??= opened.IsHeldAlone ? HiddenWal.HeldAlone(opened) : use == DatabaseUse.Unclear ? HiddenWal.Unclear(opened) : null;
                if (found is null)
                    return HiddenWal.Risk(opened) is { } risk ? (risk.Problem, IsError: false, risk.Mend) : null;
                Task.Delay(OpenDatabase.BusyPause, TimeProvider.System).Wait();
            }

            return (found!.Problem, isError, found.Mend);
        }
        catch (BackupException refused)
        {
            return ($"can't be backed up: {refused.Message}", IsError: true, refused.Hint);
        }
        catch (IOException)
        {
            return null; // a file system without locks: the run says so
        }
    }
}

/// <summary>
/// Finds the databases that a pattern such as <c>/data/tenants/*.db</c> means, and names each after what tells it apart.
/// A name depends on its own path only: files that come and go beside it must not rename it.
/// </summary>
internal static class SqliteGlob
{
    public static bool IsPattern(string path) => IsWild(path);

    /// <summary>The path of a database, or a pattern, as the configuration writes it.</summary>
    /// <returns>Absolute.</returns>
    /// <exception cref="FormatException">It can't be a file's path, or has a wildcard that is not understood.</exception>
    public static string Parse(string text, string baseDirectory)
    {
        if (text.EndsWith('/'))
            throw new FormatException("names a directory, not a database file");
        if (text.Contains("**"))
            throw new FormatException("contains **, which is not understood: one * for each directory level");
        if (Path.GetDirectoryName(text)!.Contains('?'))
            throw new FormatException("has ? in a directory's name: only the file's name may have it");
        return PathText.Parse(text, baseDirectory);
    }

    /// <param name="pattern">An absolute path whose file name may hold <c>*</c> and <c>?</c>, and whose directories <c>*</c>.</param>
    /// <param name="unreadable">Directories that the pattern leads into and that may not be listed.</param>
    /// <returns>
    /// Name and path of each match, in the order of the paths. A name is each directory that a wildcard matched, then the
    /// file's name without the extension that the pattern spells out, joined by <c>-</c>. Two may be equal only through
    /// a <c>-</c> in a file's or directory's own name.
    /// </returns>
    public static IReadOnlyList<(string Name, string Path)> Expand(string pattern, out IReadOnlyList<string> unreadable) =>
        [.. Find(pattern, out unreadable).Select(path => (NameOf(path, pattern), path))];

    /// <summary>The paths of the databases alone.</summary>
    public static IReadOnlyList<string> Find(string pattern, out IReadOnlyList<string> unreadable) => PathGlob.Expand(pattern, SqliteFiles.Beside, out unreadable);

    /// <summary>Whether a match of the pattern could have this name.</summary>
    public static bool CanName(string pattern, string name) => NamesOf(pattern).IsMatch(name);

    /// <summary>Where a source of the pattern would lie that is no longer there; of several places the one with the shortest directories.</summary>
    public static string PathOf(string pattern, string name)
    {
        var extension = SpelledOutExtension(pattern);
        var match = NamesOf(pattern).Match(name);
        if (!match.Success) // the pattern was another one when it was backed up
            return Path.Combine(Path.GetDirectoryName(pattern)!, name + extension);

        var segments = pattern.Split('/');
        var group = 1;
        for (var index = 0; index < segments.Length - 1; index++)
        {
            if (IsWild(segments[index]))
                segments[index] = match.Groups[group++].Value;
        }

        segments[^1] = match.Groups[group].Value + extension;
        return string.Join('/', segments);
    }

    private static string NameOf(string path, string pattern)
    {
        var (places, patterns) = (path.Split('/'), pattern.Split('/'));
        var directories = places[..^1].Where((_, index) => IsWild(patterns[index]));
        return string.Join('-', [.. directories, places[^1][..^SpelledOutExtension(pattern).Length]]);
    }

    /// <summary>Matches the names of the pattern's matches, with one group for each part between the <c>-</c>.</summary>
    private static Regex NamesOf(string pattern)
    {
        var segments = pattern.Split('/');
        var file = segments[^1][..^SpelledOutExtension(pattern).Length];
        var groups = segments[..^1].Where(IsWild).Append(file)
            .Select(part => $"({Regex.Escape(part).Replace(@"\*", ".*?", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal)})");
        return new Regex($@"\A{string.Join('-', groups)}\z", RegexOptions.NonBacktracking | RegexOptions.Singleline);
    }

    /// <summary>Empty where it would not be the same for every match.</summary>
    private static string SpelledOutExtension(string pattern) =>
        Path.GetExtension(pattern) is var extension && !IsWild(extension) ? extension : "";

    private static bool IsWild(string segment) => segment.AsSpan().ContainsAny('*', '?');
}
