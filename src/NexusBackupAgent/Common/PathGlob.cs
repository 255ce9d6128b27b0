namespace NexusBackupAgent.Common;

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

    /// <summary>What SQLite keeps beside a database while it is open; never databases themselves.</summary>
    private static readonly string[] Sidecars = ["-wal", "-shm", "-journal"];

    /// <param name="pattern">Absolute.</param>
    /// <returns>Absolute paths in ordinal order; hidden files and SQLite's <c>-wal</c>, <c>-shm</c> and <c>-journal</c> are left out.</returns>
    public static IReadOnlyList<string> Expand(string pattern)
    {
        var parts = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> directories = ["/"];
        foreach (var part in parts[..^1])
            directories = [.. directories.SelectMany(directory => Directories(directory, part))];

        return [.. directories
            .SelectMany(directory => Directory.EnumerateFiles(directory, parts[^1], AsShellsDo))
            .Where(file => !Array.Exists(Sidecars, sidecar => file.EndsWith(sidecar, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Directories(string parent, string part)
    {
        if (part.Contains('*'))
            return Directory.EnumerateDirectories(parent, part, AsShellsDo);
        var directory = Path.Combine(parent, part);
        return Directory.Exists(directory) ? [directory] : [];
    }
}
