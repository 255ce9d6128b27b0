using System.Text;

namespace NexusBackupAgent.Cli;

/// <summary>A table as a pipe or a file gets it: the same text as on a screen, without colours, in a fiftieth of the time.</summary>
/// <param name="columns">Their headings, and which of them end at the right.</param>
internal sealed class PlainTable(params IReadOnlyList<(string Heading, bool IsRight)> columns)
{
    private const int Block = 256;

    private readonly List<string[]> rows = [[.. columns.Select(column => column.Heading)]];

    /// <param name="cells">One for each column.</param>
    public void Add(string[] cells)
    {
        for (var column = 0; column < cells.Length; column++)
        {
            if (cells[column].AsSpan().IndexOfAny('\r', '\n') >= 0)
                cells[column] = cells[column].ReplaceLineEndings(" "); // a row is a line
        }

        rows.Add(cells);
    }

    public void Print(TextWriter output)
    {
        var widths = columns.Select((_, column) => rows.Max(row => Wrapping.Width(row[column]))).ToArray();
        var text = new StringBuilder();
        foreach (var block in rows.Chunk(Block))
        {
            foreach (var row in block)
                Append(text, row, widths);
            output.Write(text);
            text.Clear();
        }
    }

    private void Append(StringBuilder text, string[] row, int[] widths)
    {
        for (var column = 0; column < row.Length; column++)
        {
            var padding = widths[column] - Wrapping.Width(row[column]);
            var isRight = columns[column].IsRight;
            text.Append(' ', isRight ? padding : 0).Append(row[column]).Append(' ', isRight ? 0 : padding).Append(column < row.Length - 1 ? "  " : "");
        }

        text.AppendLine();
    }
}
