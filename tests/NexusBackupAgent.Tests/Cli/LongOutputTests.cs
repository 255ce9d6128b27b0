using System.Text.Json;
using Spectre.Console;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Documents;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>What is printed in blocks reads as if it were printed in one piece.</summary>
public sealed class LongOutputTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(1000)]
    public void An_array_is_the_same_in_blocks(int count)
    {
        var documents = Enumerable.Range(0, count).Select(number => new BackupDocument($"id-{number}", "itsm", "日次", "full", null, "", "", number, null, null, "good", null)).ToList();
        using var output = new StringWriter();
        JsonArray.Print(output, documents, document => document, JsonDocuments.Readably.IReadOnlyListBackupDocument);
        Assert.Equal(JsonSerializer.Serialize(documents, JsonDocuments.Readably.IReadOnlyListBackupDocument) + Environment.NewLine, output.ToString());
    }

    [Fact]
    public void A_table_for_a_pipe_is_the_one_of_the_screen_without_colours()
    {
        string[][] rows = [["daily_20260214_020000.db.gz", "9 B"], ["手作業_20260214.db.gz", "12.3 MiB"], ["[x].db.gz", ""]];
        var plain = new PlainTable(("file", false), ("size", true));
        var screen = new Table().Border(TableBorder.None)
            .AddColumn(new TableColumn("file").NoWrap().PadLeft(0).PadRight(2))
            .AddColumn(new TableColumn("size").NoWrap().PadLeft(0).PadRight(2).RightAligned());
        foreach (var row in rows)
        {
            plain.Add([.. row]);
            screen.AddRow(Readable.Plain(row[0]), Readable.Plain(row[1]));
        }

        using var printed = new StringWriter();
        using var drawn = new StringWriter();
        plain.Print(printed);
        new Terminal(drawn, TextWriter.Null, outputIsWatched: false, errorIsWatched: false).Table(screen);
        Assert.Equal(drawn.ToString(), printed.ToString());
    }

    [Fact]
    public void A_name_with_a_line_break_stays_one_row()
    {
        var table = new PlainTable(("file", false));
        table.Add(["a\nb"]);
        using var output = new StringWriter();
        table.Print(output);
        Assert.Equal(["file", "a b "], output.ToString().TrimEnd('\n').Split('\n').Select(line => line.PadRight(4)));
    }
}
