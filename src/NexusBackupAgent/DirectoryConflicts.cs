using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

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
        if (!PathText.IsInside(KernelPath.Resolve(configuration.ScratchDirectory), KernelPath.Resolve(configuration.StateDirectory)))
            WarnInsideStore("scratch", configuration.ScratchDirectory);

        void WarnInsideStore(string key, string directory)
        {
            var places = configuration.Stores.Values.SelectMany(store => store.Places, (store, place) => (store.Name, Place: place));
            foreach (var (store, place) in places.Where(store => PathText.IsInside(KernelPath.Resolve(directory), KernelPath.Resolve(store.Place))).Take(1))
            {
                problems.Add(new ConfigurationProblem(key, root.Find(key)?.Line ?? 0, directory,
                    $"lies inside the store {store} ({place}), among the backups", "choose a directory outside every store", IsError: false));
            }
        }
    }

    private static void Compare(Section root, Target earlier, Target later)
    {
        var at = Locate(root, later.Source);
        if (earlier.IsGroup == later.IsGroup && earlier.Directory == later.Directory)
        {
            at?.Error($"writes to the same directory as {earlier.Source.Name}: {later.Directory}",
                "give each source a directory of its own, for example directory: " + later.Source.Name);
        }
        else if (earlier.MayHoldMemberNamedAs(later) || later.MayHoldMemberNamedAs(earlier))
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

    /// <summary>A source and the directory that it writes to; the members of a group write to directories below that.</summary>
    private sealed class Target(SourceConfiguration source, IReadOnlyDictionary<string, IStoreSettings> stores)
    {
        public SourceConfiguration Source { get; } = source;

        public bool IsGroup => Source.Settings.IsGroup;

        /// <summary>Empty when the store is not usable, which was reported.</summary>
        public string Directory { get; } = stores.GetValueOrDefault(source.Store)?.Identify(source.Directory ?? source.Name) ?? "";

        private (string Around, string Name)? Place { get; } = stores.GetValueOrDefault(source.Store)?.Locate(source.Directory ?? source.Name);

        /// <summary>Each member of a group writes to a subdirectory of its own name.</summary>
        public bool MayHoldMemberNamedAs(Target other) =>
            IsGroup && !other.IsGroup && other.Place is var (around, name) && around == Directory && Source.Settings.CanName(name);
    }
}
