using System.Text.RegularExpressions;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

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
