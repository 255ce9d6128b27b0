using NexusBackupAgent.Configuration;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent;

/// <summary>Reads and checks <c>nexus-backup.yml</c>.</summary>
internal static class ConfigurationFile
{
    /// <summary>Reads and validates; all problems are reported at once. Looks at the file only, not at what it names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hostZone">The zone used when the file names none.</param>
    /// <param name="kinds">What sources and stores may be. Default: those that ship.</param>
    /// <returns>The configuration, or null when a problem is an error; and the problems in the file's order.</returns>
    public static (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load(string path, TimeZoneInfo hostZone, AgentKinds? kinds = null)
    {
        kinds ??= AgentKinds.Shipped;
        var problems = new ProblemList(AgentBinder.LevelsOf(kinds));
        var file = Path.GetFullPath(path);
        var configuration = ConfigurationText.Read(file, problems) is { } root
            ? new AgentBinder(file, hostZone, kinds, problems).Bind(root)
            : null;
        return (problems.HasErrors ? null : configuration, problems.InFileOrder());
    }

    /// <summary>
    /// What is wrong around the configuration: stores that take no backup now, sources that can't be read or that two entries
    /// name, commands that can't be run, secrets that are not there.
    /// Apart from <see cref="Load"/>, because the agent starts, and says so in its metrics, even when a store is not mounted yet.
    /// </summary>
    public static IReadOnlyList<ConfigurationProblem> CheckEnvironment(AgentConfiguration configuration) =>
    [
        .. configuration.Stores.Values.SelectMany(store => store.Check()),
        .. CheckState(configuration.StateDirectory),
        .. configuration.Sources.SelectMany(source => source.Settings.Check()),
        .. SharedSources.Check(configuration),
        .. configuration.Sources.SelectMany(source => RestoreBinder.Check(source.Name, source.Restore).Concat(HookBinder.Check(source.Name, source.Hooks))),
    ];

    /// <summary>Warnings for sources whose schedules leave longer gaps than their RPO allows.</summary>
    /// <param name="configuration">A valid configuration.</param>
    /// <param name="now">The year after this instant is looked at.</param>
    public static IReadOnlyList<ConfigurationProblem> CheckCoverage(AgentConfiguration configuration, DateTimeOffset now) =>
        [.. configuration.Sources.SelectMany(source => ScheduleCoverage.Check(source, configuration.TimeZone, now))];

    /// <summary>The agent makes the state directory when it is missing, so then its parent has to be writable.</summary>
    private static IEnumerable<ConfigurationProblem> CheckState(string path)
    {
        var existing = path;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } parent)
            existing = parent;
        if (DirectoryCheck.Find(existing, "the state directory") is var (problem, mend))
            yield return new ConfigurationProblem("state", Line: 0, path, problem, mend);
    }
}
