namespace NexusBackupAgent.Configuration;

/// <summary>The path of a database, or the pattern of many.</summary>
internal static class GlobText
{
    public static bool IsGlob(string path) => path.AsSpan().ContainsAny('*', '?');

    /// <returns>The absolute path or pattern.</returns>
    /// <exception cref="FormatException">Not a path of a file, or a pattern of a kind that is not understood.</exception>
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
}
