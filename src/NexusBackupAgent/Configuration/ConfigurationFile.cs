namespace NexusBackupAgent.Configuration;

/// <summary>Reads <c>nexus-backup.yml</c>.</summary>
internal static class ConfigurationFile
{
    /// <summary>Reads and validates; all problems are reported at once. Looks at the file only, not at what it names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hostZone">The zone used when the file names none.</param>
    /// <returns>The configuration, or null when a problem is an error; and the problems in the file's order.</returns>
    public static (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load(string path, TimeZoneInfo hostZone)
    {
        var problems = new ProblemList();
        var file = Path.GetFullPath(path);
        var configuration = ConfigurationText.Read(file, problems) is { } root
            ? new AgentBinder(file, hostZone, problems).Bind(root)
            : null;
        return (problems.HasErrors ? null : configuration, problems.InFileOrder());
    }

    /// <summary>
    /// What is wrong around the configuration: stores that are missing or not writable, databases that are missing or not
    /// readable or named twice, commands that can't be run, secrets that are not there.
    /// Apart from <see cref="Load"/>, because the agent starts, and says so in its metrics, even when a store is not mounted yet.
    /// </summary>
    public static IReadOnlyList<ConfigurationProblem> CheckEnvironment(AgentConfiguration configuration) =>
        [.. StoreCheck.Check(configuration.Stores.Values), .. StoreCheck.CheckState(configuration.StateDirectory),
            .. configuration.Sources.SelectMany(SourceCheck.Check),
            .. SharedDatabases.Check(configuration),
            .. configuration.Sources.SelectMany(CommandCheck.Check)];

    /// <summary>Warnings for sources whose schedules leave longer gaps than their RPO allows.</summary>
    /// <param name="configuration">A valid configuration.</param>
    /// <param name="now">The year after this instant is looked at.</param>
    public static IReadOnlyList<ConfigurationProblem> CheckCoverage(AgentConfiguration configuration, DateTimeOffset now) =>
        [.. configuration.Sources.SelectMany(source => ScheduleCoverage.Check(source, configuration.TimeZone, now))];
}
