using System.Text;
using Spectre.Console.Rendering;

namespace NexusBackupAgent.Cli;

/// <summary>Text in the cells of a terminal: how wide it is, and where its lines may end.</summary>
internal static class Wrapping
{
    /// <summary>A Japanese letter takes two cells.</summary>
    public static int Width(string text) => Ascii.IsValid(text) ? text.Length : new Segment(text).CellCount();

    /// <summary>Ends lines between words only, so that a path can be copied whole; Japanese ends anywhere.</summary>
    /// <param name="width">Cells of a line.</param>
    /// <param name="taken">Cells of the first line that something else has.</param>
    public static IReadOnlyList<string> Lines(string text, int width, int taken = 0)
    {
        if (Width(text) <= width - taken)
            return [text];
        var lines = new List<string>();
        var (line, used) = (new StringBuilder(), taken);
        foreach (var word in text.Split(' ').SelectMany((word, index) => Pieces(word, index > 0)))
        {
            var wide = Width(word.Text);
            if (used + wide + (word.HasSpace && used > 0 ? 1 : 0) > width && (line.Length > 0 || taken > 0))
            {
                lines.Add(line.ToString());
                line.Clear();
                (used, taken) = (0, 0);
            }

            if (word.HasSpace && line.Length > 0)
            {
                line.Append(' ');
                used++;
            }

            line.Append(word.Text);
            used += wide;
        }

        lines.Add(line.ToString());
        return lines;
    }

    /// <summary>A word of Latin letters is one piece; of others each letter is one.</summary>
    private static IEnumerable<(string Text, bool HasSpace)> Pieces(string word, bool hasSpace)
    {
        var start = 0;
        for (var end = 1; end <= word.Length; end++)
        {
            var isInside = end < word.Length && ((word[end - 1] < 0x2E80 && word[end] < 0x2E80) || IsClosing(word[end]) || char.IsLowSurrogate(word[end]));
            if (isInside)
                continue;
            yield return (word[start..end], hasSpace && start == 0);
            start = end;
        }

        if (word.Length == 0)
            yield return ("", hasSpace);
    }

    private static bool IsClosing(char letter) => letter is '、' or '。' or '」' or '）' or '：' or 'ー';
}
