namespace NexusBackupAgent.Configuration;

/// <summary>Paths as the configuration writes them.</summary>
internal static class PathText
{
    /// <summary>As many as the kernel follows before it gives up on a circle.</summary>
    private const int MaximumLinks = 40;

    /// <summary>Absolute; a relative one is taken from the configuration file's directory.</summary>
    /// <exception cref="FormatException">Cannot be a path, or would not mean what it means to a shell.</exception>
    public static string Parse(string text, string baseDirectory)
    {
        if (NameText.HasControlCharacter(text))
            throw new FormatException("contains a control character");
        if (text == "~" || text.StartsWith("~/", StringComparison.Ordinal))
            throw new WrongTextException("begins with ~, which only a shell expands", "write the absolute path");
        return Path.GetFullPath(text, baseDirectory);
    }

    /// <summary>A directory inside a store, with forward slashes; empty for the store itself.</summary>
    /// <exception cref="FormatException">Leads out of the store.</exception>
    public static string ParseInsideStore(string text)
    {
        var parts = text.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();
        if (Path.IsPathRooted(text))
            throw new FormatException("is an absolute path, and a backup directory lies inside its store");
        if (parts.Contains(".."))
            throw new FormatException("leads out of the store with ..");
        if (NameText.HasControlCharacter(text))
            throw new FormatException("contains a control character");
        if (Array.Exists(parts, NameText.IsTooLongForFileName))
            throw new FormatException("has a part longer than the 255 bytes that a file name may have");
        return string.Join('/', parts);
    }

    /// <summary>Whether <paramref name="path"/> is <paramref name="directory"/> or lies below it. Both absolute.</summary>
    public static bool IsInside(string path, string directory) =>
        Path.GetRelativePath(directory, path) is var relative
        && relative != ".." && !relative.StartsWith("../", StringComparison.Ordinal);

    /// <summary>
    /// The path with every symbolic link on the way followed, as far as it exists:
    /// two names of one directory become equal.
    /// </summary>
    public static string Resolve(string path) => Resolve(path, MaximumLinks);

    private static string Resolve(string path, int linksLeft)
    {
        var resolved = "/";
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var next = Path.Combine(resolved, part);
            resolved = linksLeft > 0 && FollowLink(next) is { } target ? Resolve(target, linksLeft - 1) : next;
        }

        return resolved;
    }

    private static string? FollowLink(string path)
    {
        try
        {
            return new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: false)?.FullName;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
