using System.Globalization;
using System.Text;

namespace NexusBackupAgent.Configuration;

/// <summary>Names of stores, sources and schedules. They become metric labels, and parts of paths and file names.</summary>
internal static class NameText
{
    public const int MaximumLength = 100;

    private const int MaximumFileNameBytes = 255;

    /// <summary>Any text that can name a directory; spaces, quotes and every script are fine.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public static string? FindMistake(string name) => name switch
    {
        _ when string.IsNullOrWhiteSpace(name) => "is an empty name",
        _ when name.StartsWith('.') => "begins with a dot",
        _ when name.Contains('/') => "contains a slash",
        _ when HasControlCharacter(name) => "contains a control character",
        _ when name.EnumerateRunes().Count() > MaximumLength => $"is longer than {MaximumLength} characters",
        _ => null,
    };

    public static bool HasControlCharacter(string text) => text.EnumerateRunes().Any(IsControl);

    /// <summary>A letter outside ASCII takes up to four bytes of a file name.</summary>
    public static bool IsTooLongForFileName(string name) => Encoding.UTF8.GetByteCount(name) > MaximumFileNameBytes;

    /// <summary>Line breaks of any kind would break one-line messages; a lone surrogate has no UTF-8.</summary>
    private static bool IsControl(Rune rune) =>
        rune == Rune.ReplacementChar
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
