using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Finds the databases that a pattern such as <c>/data/tenants/*.db</c> means, and names each after its file.</summary>
internal static class SqliteGlob
{
    /// <param name="pattern">An absolute path whose segments may hold <c>*</c> and <c>?</c>.</param>
    /// <returns>Name and path of each match, in the order of the paths. A name is the file's without its extension; with it where two would be the same, and with the directory where even that is not enough.</returns>
    public static IReadOnlyList<(string Name, string Path)> Expand(string pattern)
    {
        var paths = PathGlob.Expand(pattern);
        return [.. paths.Select(path => (NameOf(path, paths), path))];
    }

    /// <summary>Where a source of the pattern would lie that is no longer there.</summary>
    public static string PathOf(string pattern, string name) =>
        Path.Combine(Path.GetDirectoryName(pattern)!, Path.HasExtension(name) ? name : name + Path.GetExtension(pattern));

    private static string NameOf(string path, IReadOnlyList<string> paths)
    {
        Func<string, string>[] names =
        [
            file => Path.GetFileNameWithoutExtension(file),
            file => Path.GetFileName(file),
            file => $"{Path.GetFileName(Path.GetDirectoryName(file))}-{Path.GetFileName(file)}",
            file => file.Trim('/').Replace('/', '-'),
        ];
        return names.Select(name => (Name: name(path), Count: paths.Count(other => name(other) == name(path)))).First(name => name.Count == 1).Name;
    }
}
