namespace NexusBackupAgent.Common;

/// <summary>How the values of enumerations are written for people, metrics, files and the journal: one lower-case word.</summary>
internal static class EnumWord
{
    public static string Word<T>(this T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
