using NexusBackupAgent.Common;
using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent;

/// <summary>
/// Finds sources that would write into one another's directories, and working files inside a store. Where a disk does not answer,
/// paths are compared as they are written: no command is to hang because it reads its configuration.
/// </summary>
internal static class DirectoryConflicts
{
    public static void Report(Section root, AgentConfiguration configuration, ProblemList problems)
    {
        var (targets, inside) = new PatientLook(Patience.ToAnswer, TimeProvider.System).AskAsync(
            "places",
            () => Task.FromResult(Look(configuration, (store, directory) => store.Identify(directory), KernelPath.Resolve)),
            () => Look(configuration, (store, directory) => directory.Length == 0 ? $"/{store.Name}" : $"/{store.Name}/{directory}", path => path)).GetAwaiter().GetResult();
        for (var later = 1; later < targets.Length; later++)
        {
            foreach (var earlier in targets.Take(later))
                Compare(root, earlier, targets[later]);
        }

        foreach (var (key, directory, store, place) in inside)
        {
            problems.Add(new ConfigurationProblem(key, root.Find(key)?.Line ?? 0, directory,
                $"lies inside the store {store} ({place}), among the backups", "choose a directory outside every store", IsError: false));
        }
    }

    /// <returns>The directories that the sources write to, and the working directories that lie in a store.</returns>
    private static (Target[] Targets, IReadOnlyList<(string Key, string Directory, string Store, string Place)> Inside) Look(
        AgentConfiguration configuration, Func<IStoreSettings, string, string> identify, Func<string, string> resolve)
    {
        var targets = from source in configuration.Sources
                      from store in source.Stores
                      where configuration.Stores.ContainsKey(store) // what is not usable was reported
                      select new Target(source, identify(configuration.Stores[store], source.Directory ?? source.Name));
        var places = configuration.Stores.Values.SelectMany(store => store.Places, (store, place) => (Store: store.Name, Place: place, Real: resolve(place))).ToList();
        var (state, scratch) = (resolve(configuration.StateDirectory), resolve(configuration.ScratchDirectory));
        return ([.. targets], [.. In("state", configuration.StateDirectory, state), .. PathText.IsInside(scratch, state) ? [] : In("scratch", configuration.ScratchDirectory, scratch)]);

        IEnumerable<(string Key, string Directory, string Store, string Place)> In(string key, string directory, string real) =>
            places.Where(store => PathText.IsInside(real, store.Real)).Select(store => (key, directory, store.Store, store.Place)).Take(1);
    }

    private static void Compare(Section root, Target earlier, Target later)
    {
        var at = Locate(root, later.Source);
        if (earlier.IsGroup == later.IsGroup && earlier.Directory == later.Directory)
        {
            if (earlier.Source == later.Source)
                at?.Error($"two of its stores are the same directory: {later.Directory}", "name stores that lie apart: a copy beside the original is lost with it");
            else
                at?.Error($"writes to the same directory as {earlier.Source.Name}: {later.Directory}", "give each source a directory of its own, for example directory: " + later.Source.Name);
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
    /// <param name="directory">Equal for two directories that are one.</param>
    private sealed class Target(SourceConfiguration source, string directory)
    {
        public SourceConfiguration Source { get; } = source;

        public bool IsGroup => Source.Settings.IsGroup;

        public string Directory => directory;

        /// <summary>The directory around it, and its own name; null where there is none around it.</summary>
        private (string Around, string Name)? Place => directory.LastIndexOf('/') is > 0 and var end ? (directory[..end], directory[(end + 1)..]) : null;

        /// <summary>Each member of a group writes to a subdirectory of its own name.</summary>
        public bool MayHoldMemberNamedAs(Target other) =>
            IsGroup && !other.IsGroup && other.Place is var (around, name) && around == Directory && Source.Settings.CanName(name);
    }
}
