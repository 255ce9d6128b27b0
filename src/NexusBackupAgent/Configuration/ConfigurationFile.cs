namespace NexusBackupAgent.Configuration;

/// <summary>Reads <c>nexus-backup.yml</c>.</summary>
internal static class ConfigurationFile
{
    /// <summary>Reads and validates; all problems are reported at once.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hostZone">The zone used when the file names none.</param>
    /// <returns>The configuration, or null when a problem is an error; and the problems.</returns>
    public static (AgentConfiguration? Configuration, IReadOnlyList<ConfigurationProblem> Problems) Load(string path, TimeZoneInfo hostZone) =>
        throw new NotSupportedException();
}
