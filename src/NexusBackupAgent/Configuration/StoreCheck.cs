namespace NexusBackupAgent.Configuration;

/// <summary>Tries whether the stores can take backups now, and the state directory the journal.</summary>
internal static class StoreCheck
{
    public static IEnumerable<ConfigurationProblem> Check(IEnumerable<StoreConfiguration> stores)
    {
        foreach (var store in stores)
        {
            if (Find(store.Path) is var (problem, mend))
                yield return new ConfigurationProblem(KeyPath.Join("stores", store.Name, "path"), Line: 0, store.Path, problem, mend);
        }
    }

    /// <summary>The state directory is made when it is missing, so then its parent has to be writable.</summary>
    public static IEnumerable<ConfigurationProblem> CheckState(string path)
    {
        var existing = path;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            existing = parent;
        if (Find(existing) is { } found)
            yield return new ConfigurationProblem("state", Line: 0, path, found.Problem.Replace("the store's directory", "the state directory", StringComparison.Ordinal), found.Mend);
    }

    private static (string Problem, string Mend)? Find(string path)
    {
        if (File.Exists(path))
            return ("is a file, not a directory", "name a directory");
        if (!Directory.Exists(path))
            return ("the store's directory does not exist", $"mount it, or create it: mkdir -p '{path}'");
        try
        {
            // Permission bits do not tell: a read-only mount, a quota or an ACL shows only when something is written.
            var probe = Path.Combine(path, $".nexus-backup-check-{Guid.NewGuid():N}");
            using var file = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return ("the store's directory is not writable by this user", $"make it writable: chown $(whoami) '{path}' && chmod 755 '{path}', or remount a read-only disk");
        }
    }
}
