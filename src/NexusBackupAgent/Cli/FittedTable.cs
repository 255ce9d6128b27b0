using System.Globalization;

namespace NexusBackupAgent.Cli;

/// <summary>A cell of a table.</summary>
/// <param name="Text">Without markup.</param>
/// <param name="Style">Of the screen's markup: <c>red</c>; null: plain.</param>
internal readonly record struct Cell(string Text, string? Style = null)
{
    public static implicit operator Cell(string text) => new(text);

    public static implicit operator Cell(int number) => new(number.ToString(CultureInfo.InvariantCulture));
}

/// <summary>A column of a table.</summary>
/// <param name="IsRight">Whether its cells end at the right.</param>
internal sealed record Column(string Heading, bool IsRight = false);

/// <summary>A table that fits its screen: where a row is too wide for it, its longest cell gets a line of its own. A pipe gets a row a line.</summary>
/// <param name="longest">The column whose cells may be of any length: the first, whose line comes above the rest, or the last, whose comes below.</param>
/// <param name="columns">All of them.</param>
internal sealed class FittedTable(int longest, params IReadOnlyList<Column> columns)
{
    /// <summary>How many columns before the longest share its line below the rest.</summary>
    public int Beside { get; init; }

    private const string Gap = "  ";

    private readonly List<Cell[]> rows = [];

    public void Add(params Cell[] cells) => rows.Add(cells);

    /// <summary>The rows of a long table, which are made anew each time that they are asked for; null: those that were added.</summary>
    public IEnumerable<Cell[]>? Made { get; init; }

    private IEnumerable<Cell[]> Rows => Made ?? rows;

    public void Print(Terminal terminal)
    {
        if (!terminal.IsWatched)
        {
            var plain = new PlainTable([.. columns.Select(column => (column.Heading, column.IsRight))]);
            plain.Print(terminal.Output, Rows.Select(row => Array.ConvertAll(row, cell => cell.Text)));
            return;
        }

        var widths = columns.Select(column => Wrapping.Width(column.Heading)).ToArray();
        foreach (var row in Rows)
        {
            for (var index = 0; index < widths.Length; index++)
                widths[index] = Math.Max(widths[index], Wrapping.Width(row[index].Text));
        }

        var isWhole = widths.Sum() + (Gap.Length * (columns.Count - 1)) <= terminal.Width;
        terminal.Line(Row([.. columns.Select(column => new Cell(column.Heading, "dim"))], widths, isWhole));
        foreach (var row in Rows)
        {
            if (isWhole || longest > 0)
                terminal.Line(Row(row, widths, isWhole));
            if (!isWhole)
                terminal.Line((longest > 0 ? Gap : "") + Cells(row, widths, [.. Enumerable.Range(longest - Beside, Beside + 1)]));
            if (!isWhole && longest == 0)
                terminal.Line(Row(row, widths, isWhole));
        }
    }

    private string Row(Cell[] cells, int[] widths, bool isWhole)
    {
        var indent = isWhole || longest > 0 ? "" : Gap;
        return indent + Cells(cells, widths, [.. Enumerable.Range(0, cells.Length).Where(index => isWhole || index > longest || index < longest - Beside)]);
    }

    private string Cells(Cell[] cells, int[] widths, List<int> shown)
    {
        return string.Join(Gap, shown.Select(index => Padded(index, isLast: index == shown[^1])));

        string Padded(int index, bool isLast)
        {
            var space = new string(' ', widths[index] - Wrapping.Width(cells[index].Text));
            return columns[index].IsRight ? space + Styled(cells[index]) : Styled(cells[index]) + (isLast ? "" : space);
        }
    }

    private static string Styled(Cell cell) => cell.Style is { } style && cell.Text.Length > 0 ? $"[{style}]{Readable.Plain(cell.Text)}[/]" : Readable.Plain(cell.Text);
}
