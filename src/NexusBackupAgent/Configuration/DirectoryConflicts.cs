using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Configuration;

/// <summary>Finds sources that would write into one another's directories, and working files inside a store.</summary>
internal static class DirectoryConflicts
{
    public static void Report(Section root, AgentConfiguration configuration, ProblemList problems)
    {
        var targets = configuration.Sources.Select(source => new Target(source, configuration.Stores)).Where(target => target.Directory.Length > 0).ToArray();
        for (var later = 1; later < targets.Length; later++)
        {
            foreach (var earlier in targets.Take(later))
                Compare(root, earlier, targets[later]);
        }

        WarnInsideStore("state", configuration.StateDirectory);
        if (!PathText.IsInside(configuration.ScratchDirectory, configuration.StateDirectory))
            WarnInsideStore("scratch", configuration.ScratchDirectory);

        void WarnInsideStore(string key, string directory)
        {
            var store = configuration.Stores.Values.FirstOrDefault(store => PathText.IsInside(PathText.Resolve(directory), PathText.Resolve(store.Path)));
            if (store is not null)
            {
                problems.Add(new ConfigurationProblem(key, root.Find(key)?.Line ?? 0, directory,
                    $"lies inside the store {store.Name} ({store.Path}), among the backups", "choose a directory outside every store", IsError: false));
            }
        }
    }

    private static void Compare(Section root, Target earlier, Target later)
    {
        var at = Locate(root, later.Source);
        if (earlier.Source.IsGlob == later.Source.IsGlob && earlier.Directory == later.Directory)
        {
            at?.Error($"writes to the same directory as {earlier.Source.Name}: {later.Directory}",
                "give each source a directory of its own, for example directory: " + later.Source.Name);
        }
        else if (earlier.MayHoldMatchNamedAs(later) || later.MayHoldMatchNamedAs(earlier))
        {
            at?.Warning($"a match of the pattern could write to the same directory as the other source ({earlier.Source.Name}, {later.Source.Name})",
                "give the pattern a directory of its own");
        }
    }

    /// <summary>Where the mend goes: the source's directory key, or its name.</summary>
    private static Field? Locate(Section root, SourceConfiguration source)
    {
        var field = root.FindSection("sources", "")?.Find(source.Name);
        return field?.Section("")?.Find("directory") ?? field;
    }

    /// <summary>A source and the absolute directory that it, or the matches of its pattern below that, write to.</summary>
    private sealed class Target(SourceConfiguration source, IReadOnlyDictionary<string, StoreConfiguration> stores)
    {
        public SourceConfiguration Source { get; } = source;

        /// <summary>Empty when the store is not usable, which has been reported.</summary>
        public string Directory { get; } = stores.TryGetValue(source.Store, out var store)
            ? PathText.Resolve(Path.Combine(store.Path, source.Directory ?? source.Name))
            : "";

        /// <summary>Each match of a pattern writes to a subdirectory of its own name.</summary>
        public bool MayHoldMatchNamedAs(Target other) =>
            Source.IsGlob && !other.Source.IsGlob
            && Path.GetDirectoryName(other.Directory) == Directory && SqliteGlob.CanName(Source.SqlitePath, Path.GetFileName(other.Directory));
    }
}
