using System.Globalization;
using System.Text;

namespace NexusBackupAgent.Common;

/// <summary>Names that others chose, in a line of text: a file's name may hold a line break, and what a terminal takes for a command.</summary>
internal static class LineText
{
    /// <summary>Control characters as <c>tar -t</c> shows them: <c>\n</c>, <c>\033</c>.</summary>
    public static string Of(string name)
    {
        if (!name.EnumerateRunes().Any(IsOdd))
            return name;
        var shown = new StringBuilder();
        foreach (var rune in name.EnumerateRunes())
        {
            if (!IsOdd(rune))
                shown.Append(rune);
            else if (rune.Value == '\n')
                shown.Append(@"\n");
            else
                shown.Append(rune.Value < 256 ? $@"\{Convert.ToString(rune.Value, 8).PadLeft(3, '0')}" : $@"\u{rune.Value.ToString("x4", CultureInfo.InvariantCulture)}");
        }

        return shown.ToString();
    }

    private static bool IsOdd(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Format;
}
