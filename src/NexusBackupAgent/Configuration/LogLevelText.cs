namespace NexusBackupAgent.Configuration;

/// <summary>The least important level that is logged.</summary>
internal static class LogLevelText
{
    public const string Teaching = "write Verbose, Debug, Information, Warning or Error";

    public static readonly IReadOnlyList<string> Levels = ["Verbose", "Debug", "Information", "Warning", "Error"];

    /// <returns>The level with its usual capitals; the text may have any.</returns>
    /// <exception cref="FormatException">No such level.</exception>
    public static string Parse(string text) =>
        Levels.FirstOrDefault(level => level.Equals(text, StringComparison.OrdinalIgnoreCase))
        ?? throw new FormatException("is not a log level");
}
