using System.Text;

namespace NexusBackupAgent.Cli;

/// <summary>A table as a pipe or a file gets it: the same text as on a screen, without colours, in a fiftieth of the time.</summary>
/// <param name="columns">Their headings, and which of them end at the right.</param>
internal sealed class PlainTable(params IReadOnlyList<(string Heading, bool IsRight)> columns)
{
    private const int Block = 32 << 10; // characters

    private readonly List<string[]> rows = [];

    /// <param name="cells">One for each column.</param>
    public void Add(string[] cells) => rows.Add(cells);

    public void Print(TextWriter output) => Print(output, rows);

    /// <param name="made">As of <see cref="Add"/>; they are asked for twice, and may be made anew each time.</param>
    public void Print(TextWriter output, IEnumerable<string[]> made)
    {
        var all = made.Prepend([.. columns.Select(column => column.Heading)]);
        var widths = new int[columns.Count];
        foreach (var row in all)
        {
            for (var column = 0; column < widths.Length; column++)
                widths[column] = Math.Max(widths[column], Wrapping.Width(InLine(row[column])));
        }

        var text = new StringBuilder();
        foreach (var row in all)
        {
            Append(text, row, widths);
            if (text.Length < Block)
                continue;
            output.Write(text);
            text.Clear();
        }

        output.Write(text);
    }

    /// <summary>A row is a line.</summary>
    private static string InLine(string cell) => cell.AsSpan().IndexOfAny('\r', '\n') >= 0 ? cell.ReplaceLineEndings(" ") : cell;

    private void Append(StringBuilder text, string[] row, int[] widths)
    {
        for (var column = 0; column < row.Length; column++)
        {
            var cell = InLine(row[column]);
            var padding = widths[column] - Wrapping.Width(cell);
            var isRight = columns[column].IsRight;
            text.Append(' ', isRight ? padding : 0).Append(cell).Append(' ', isRight ? 0 : padding).Append(column < row.Length - 1 ? "  " : "");
        }

        text.AppendLine();
    }
}
