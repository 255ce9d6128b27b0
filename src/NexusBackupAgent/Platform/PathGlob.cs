namespace NexusBackupAgent.Platform;

/// <summary>Finds the files that a pattern names: <c>*</c> and <c>?</c> in the file name, <c>*</c> in directory names.</summary>
internal static class PathGlob
{
    private static readonly EnumerationOptions AsShellsDo = new()
    {
        MatchType = MatchType.Simple,
        MatchCasing = MatchCasing.CaseSensitive,
        IgnoreInaccessible = false, // a directory that may not be read is no empty one
        AttributesToSkip = FileAttributes.Hidden,
    };

    /// <param name="pattern">Absolute.</param>
    /// <param name="leftOut">Endings of files that are not meant.</param>
    /// <param name="unreadable">Directories that the pattern leads into and that may not be listed: what they hold is unknown.</param>
    /// <returns>Absolute paths in ordinal order; hidden files are left out.</returns>
    public static IReadOnlyList<string> Expand(string pattern, IReadOnlyList<string> leftOut, out IReadOnlyList<string> unreadable)
    {
        var refused = new List<string>();
        var parts = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> directories = ["/"];
        foreach (var part in parts[..^1])
            directories = [.. directories.SelectMany(directory => Directories(directory, part, refused))];

        unreadable = refused;
        return [.. directories
            .SelectMany(directory => List(directory, () => Directory.EnumerateFiles(directory, parts[^1], AsShellsDo), refused))
            .Where(file => !leftOut.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Directories(string parent, string part, List<string> refused)
    {
        if (part.Contains('*'))
            return List(parent, () => Directory.EnumerateDirectories(parent, part, AsShellsDo), refused);
        var directory = Path.Combine(parent, part);
        return Directory.Exists(directory) ? [directory] : [];
    }

    private static IReadOnlyList<string> List(string directory, Func<IEnumerable<string>> enumerate, List<string> refused)
    {
        try
        {
            return [.. enumerate()];
        }
        catch (DirectoryNotFoundException)
        {
            return []; // it went while we looked
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            refused.Add(directory);
            return [];
        }
    }
}
