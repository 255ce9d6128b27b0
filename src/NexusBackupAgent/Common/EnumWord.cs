using System.Text.Json;

namespace NexusBackupAgent.Common;

/// <summary>How the values of enumerations are written for people, metrics, files and the journal: one lower-case word.</summary>
internal static class EnumWord
{
    public static string Word<T>(this T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>All of them, for a hint: <c>full, differential, incremental</c>.</summary>
    public static string All<T>()
        where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Select(Word));

    /// <summary>The value that is written so; null when none is.</summary>
    public static T? Of<T>(string? word)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (value.Word() == word)
                return value;
        }

        return null;
    }

    /// <summary>A name of several words as JSON documents write it: <c>storeFull</c>.</summary>
    public static string CamelWord<T>(this T value)
        where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}
