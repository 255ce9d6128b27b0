using NexusBackupAgent.Configuration;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent;

/// <summary>Finds sources that are one and the same thing under two names: the agent would back it up twice, and each would miss a restore of the other.</summary>
internal static class SharedSources
{
    /// <summary>A warning for each that an earlier source names too.</summary>
    public static IEnumerable<ConfigurationProblem> Check(AgentConfiguration configuration) =>
        from same in configuration.Sources.SelectMany(MembersOf).GroupBy(member => (member.Settings.Kind.Key, member.Settings.Identify(member.Source.Place)))
        let earlier = same.First()
        from later in same.Skip(1)
        select new ConfigurationProblem(
            KeyPath.Join("sources", later.Entry, later.Settings.Kind.Key), Line: 0, later.Source.Place,
            $"source {later.Source.Name} is the same {later.Settings.Kind.Noun} as source {earlier.Source.Name} ('{earlier.Source.Place}'), which is backed up twice",
            "leave one of the two out; further schedules belong to the one that stays", IsError: false);

    private static IEnumerable<(string Entry, ISourceSettings Settings, FoundSource Source)> MembersOf(SourceConfiguration source) =>
        source.Settings.Find(before: []).Found.Select(member => (source.Name, source.Settings, member));
}
