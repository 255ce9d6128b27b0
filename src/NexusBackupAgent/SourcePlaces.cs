using NexusBackupAgent.Configuration;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;

namespace NexusBackupAgent;

/// <summary>Looks where sources lie: beside each other, and beside the stores.</summary>
internal static class SourcePlaces
{
    /// <summary>A warning for each source that an earlier one names too: the agent would back it up twice, and each would miss a restore of the other.</summary>
    public static IEnumerable<ConfigurationProblem> CheckShared(AgentConfiguration configuration) =>
        from same in configuration.Sources.SelectMany(MembersOf).GroupBy(member => (member.Settings.Kind.Key, member.Settings.Identify(member.Source.Place)))
        let earlier = same.First()
        from later in same.Skip(1)
        select new ConfigurationProblem(
            KeyPath.Join("sources", later.Entry, later.Settings.Kind.Key), Line: 0, later.Source.Place,
            $"source {later.Source.Name} is the same {later.Settings.Kind.Noun} as source {earlier.Source.Name} ('{earlier.Source.Place}'), which is backed up twice",
            "leave one of the two out; further schedules belong to the one that stays", IsError: false);

    /// <summary>Sources that lie in a store, among the backups, and sources whose backups go with the same disk.</summary>
    public static IEnumerable<ConfigurationProblem> Check(AgentConfiguration configuration)
    {
        var stores = configuration.Stores.Values.SelectMany(store => store.Places, (store, place) => (Store: store, Place: KernelPath.Resolve(place))).ToList();
        foreach (var source in configuration.Sources)
        {
            var places = MembersOf(source).SelectMany(member => source.Settings.LocalPaths(member.Source.Place)).Distinct(StringComparer.Ordinal).ToList();
            var key = KeyPath.Join("sources", source.Name, source.Settings.Kind.Key);
            var inside = (from place in places from store in stores where PathText.IsInside(place, store.Place) select (Place: place, store.Store.Name, Root: store.Place)).FirstOrDefault();
            if (inside.Place is not null)
            {
                yield return new ConfigurationProblem(
                    key, Line: 0, inside.Place, $"the {source.Settings.Kind.Noun} lies inside the store {inside.Name} ({inside.Root}), among the backups", "move it, or choose another directory for the store");
            }
            else if ((from place in places from store in stores where PathText.IsInside(store.Place, place) select (Place: place, store.Store.Name, Root: store.Place)).FirstOrDefault() is { Place: not null } around)
            {
                yield return new ConfigurationProblem(
                    key, Line: 0, around.Place, $"the store {around.Name} ({around.Root}) lies inside the {source.Settings.Kind.Noun}: each backup would hold those before it", "choose another directory for the store, or leave it out with exclude:", IsError: false);
            }
            else if (source.Copies.Count > 0)
            {
                if (!source.Settings.KeepsElsewhere && JudgeOf(configuration, source, places) is { IsMet: false } rule)
                    yield return new ConfigurationProblem(KeyPath.Join("sources", source.Name, "store"), Line: 0, string.Join(", ", source.Stores), rule.Text.English, "three copies with the live one, on two media, one off site (offsite: true says that a store is)", IsError: false);
            }
            else if (configuration.Stores.ContainsKey(source.Store)
                && (from place in places from store in stores where store.Store.Name == source.Store && FileStatus.AreOnOneDisk(place, store.Place) select place).FirstOrDefault() is { } beside)
            {
                yield return new ConfigurationProblem(
                    key, Line: 0, beside, $"the {source.Settings.Kind.Noun} is on the same disk as its store {source.Store}: when that disk fails, both are lost",
                    "keep the store on another disk, or copy its files to another machine as well", IsError: false);
            }
        }
    }

    /// <summary>As it is once every store has its copies.</summary>
    private static ThreeTwoOne JudgeOf(AgentConfiguration configuration, SourceConfiguration source, IReadOnlyList<string> places) => ThreeTwoOne.Of(
        places.Select(FileStatus.DiskOf).FirstOrDefault() ?? "the source",
        [.. source.Stores.Where(configuration.Stores.ContainsKey).Select(store => configuration.Stores[store]).Select(store => (store.Places.Select(FileStatus.DiskOf).FirstOrDefault() ?? store.Name, store.IsOffsite))]);

    private static IEnumerable<(string Entry, ISourceSettings Settings, FoundSource Source)> MembersOf(SourceConfiguration source) =>
        source.Settings.Find(before: []).Found.Select(member => (source.Name, source.Settings, member));
}
