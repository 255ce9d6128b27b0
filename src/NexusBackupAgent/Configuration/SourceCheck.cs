using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Configuration;

/// <summary>Tries whether the databases can be read now.</summary>
internal static class SourceCheck
{
    public static IEnumerable<ConfigurationProblem> Check(SourceConfiguration source)
    {
        var key = KeyPath.Join("sources", source.Name, "sqlite");
        if (!source.IsGlob)
            return Check(key, source.SqlitePath);

        var matches = PathGlob.Expand(source.SqlitePath, out var unreadable);
        var refused = unreadable.Select(directory => new ConfigurationProblem(
            key, Line: 0, directory, "may not be listed, so databases in it are not found", "give this user access to the directory, or narrow the pattern", IsError: false));
        if (matches.Count > 0)
            return [.. refused, .. matches.SelectMany(match => Check(key, match))];
        return [.. refused, new ConfigurationProblem(key, Line: 0, source.SqlitePath, "matches no file yet", "check the pattern; files that appear later are picked up", IsError: false)];
    }

    private static IEnumerable<ConfigurationProblem> Check(string key, string path)
    {
        if (Find(path) is var (problem, mend))
            yield return new ConfigurationProblem(key, Line: 0, path, problem, mend);
    }

    private static (string Problem, string Mend)? Find(string path)
    {
        if (Directory.Exists(path))
            return ("is a directory, not a database file", "name the database file, or write a pattern such as data/*.db");
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
            return null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return ("the database does not exist", "check the path, and that its disk is mounted");
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return ("the database may not be read by this user", $"give the agent's user read access: ls -l '{path}'");
        }
    }
}
