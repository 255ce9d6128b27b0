using System.Text;
using NexusBackupAgent.Platform;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace NexusBackupAgent.Cli;

/// <summary>
/// Where a command prints: data on the output, diagnostics on the error output. Colours and moving bars only where
/// somebody watches; a pipe or a file gets plain lines. Nothing that is printed here throws: what was begun is brought to its
/// end whatever happens to the words about it, and <see cref="Lost"/> tells at the end.
/// </summary>
internal sealed class Terminal
{
    // Columns. A pipe has no width, so that one record stays one line.
    private const int Unlimited = 10_000;

    // Wide enough for every column of every table.
    private const int WholeRow = 160;

    private const int OutputBlock = 32 << 10; // characters

    private readonly IAnsiConsole errorScreen;
    private readonly Func<Exception?> lost;

    /// <param name="output">For data.</param>
    /// <param name="error">For diagnostics.</param>
    /// <param name="outputIsWatched">Whether the output is a terminal.</param>
    /// <param name="errorIsWatched">Whether the error output is a terminal.</param>
    public Terminal(TextWriter output, TextWriter error, bool outputIsWatched, bool errorIsWatched)
    {
        var (lasting, lastingError) = (new LastingWriter(output), new LastingWriter(error));
        Output = lasting;
        Error = lastingError;
        lost = () => lasting.Failure;
        IsWatched = outputIsWatched;
        Screen = ScreenOn(output, lasting, outputIsWatched);
        errorScreen = ScreenOn(error, lastingError, errorIsWatched);
    }

    /// <summary>Why data could not be written; null while all of it was.</summary>
    public Exception? Lost => lost();

    /// <summary>Plain text of data.</summary>
    public TextWriter Output { get; }

    /// <summary>Plain text of diagnostics.</summary>
    public TextWriter Error { get; }

    /// <summary>Tables, colours and progress bars on the output.</summary>
    public IAnsiConsole Screen { get; }

    /// <summary>Whether progress bars can move.</summary>
    public bool IsWatched { get; }

    public static Terminal OfProcess()
    {
        var isDumb = Environment.GetEnvironmentVariable("TERM") is "dumb";
        return new Terminal(Console.IsOutputRedirected ? InBlocks(Console.Out.Encoding) : Console.Out, Console.Error, !Console.IsOutputRedirected && !isDumb, !Console.IsErrorRedirected && !isDumb);
    }

    /// <summary>The process's own output asks the kernel once for each 256 characters, and a list may have a hundred thousand lines.</summary>
    private static TextWriter InBlocks(Encoding encoding) => TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput(), encoding, OutputBlock) { AutoFlush = true });

    /// <summary>One line of what failed, on what, why, and what to do next.</summary>
    public void Fail(string message, string hint) => Tell(isError: true, $"{message} — next: {hint}");

    /// <summary>One line of what deserves a look and stops nothing.</summary>
    public void Warn(string message) => Tell(isError: false, message);

    /// <summary>One line that says how serious it is.</summary>
    /// <param name="isError">If not, it is a warning.</param>
    public void Tell(bool isError, string text) => errorScreen.Write(new LongLine(Coloured(isError, text)));

    /// <summary>A line of data that may be longer than the screen is wide.</summary>
    public void Line(string markup) => Screen.Write(new LongLine(markup));

    /// <summary>Cells of a line on the output; a pipe has no end of a line.</summary>
    public int Width => IsWatched ? Screen.Profile.Width : Unlimited;

    /// <summary>A sentence, broken between its words where the screen ends.</summary>
    /// <param name="mark">Before it, as markup; what follows its first line is indented as far.</param>
    /// <param name="text">Without markup.</param>
    /// <param name="next">What to do next, which begins a line of its own on a screen; null when there is nothing.</param>
    /// <param name="nextWord">Before that: <c>next</c> in the language of the text.</param>
    public void Paragraph(string mark, string text, NextStep? next = null, string nextWord = "next")
    {
        if (!IsWatched)
        {
            Line($"{mark}{Markup.Escape(text)}{(next is null ? "" : $" — {nextWord}: {Markup.Escape(next.Text)}{(next.Comment is { } other ? "   " + Markup.Escape(other) : "")}")}");
            return;
        }

        var indent = Wrapping.Width(Markup.Remove(mark));
        Print(mark, text, indent);
        if (next is { IsCommand: false })
            Print($"{new string(' ', indent)}{nextWord}: ", next.Text, indent);
        else if (next is not null)
            Line($"{new string(' ', indent)}{nextWord}: {Markup.Escape(next.Text)}");
        if (next?.Comment is { } comment)
            Print(new string(' ', indent), comment, indent);
    }

    private void Print(string mark, string text, int indent)
    {
        var lines = Wrapping.Lines(text, Width - indent, Wrapping.Width(Markup.Remove(mark)) - indent);
        Line(mark + Markup.Escape(lines[0]));
        foreach (var line in lines.Skip(1))
            Line(new string(' ', indent) + Markup.Escape(line));
    }

    /// <summary>A table. A narrow terminal wraps its lines by itself, so that a file name can be copied whole.</summary>
    public void Table(Table table)
    {
        var width = Screen.Profile.Width;
        Screen.Profile.Width = Math.Max(width, WholeRow);
        Screen.Write(table);
        Screen.Profile.Width = width;
    }

    /// <summary>The same as markup: <c>error: …</c> or <c>warning: …</c>.</summary>
    public static string Coloured(bool isError, string text) => $"{(isError ? "[red]error:[/]" : "[yellow]warning:[/]")} {Markup.Escape(OneLine(text))}";

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    /// <param name="writer">Whose terminal is looked at.</param>
    /// <param name="lasting">What is written to.</param>
    private static IAnsiConsole ScreenOn(TextWriter writer, LastingWriter lasting, bool isWatched)
    {
        var wantsColour = isWatched && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        var screen = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = isWatched ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = wantsColour ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isWatched ? InteractionSupport.Detect : InteractionSupport.No,
        });
        screen.Profile.Out = new LastingScreen(screen.Profile.Out, lasting);
        if (!isWatched)
            screen.Profile.Width = Unlimited;
        return screen;
    }

    private sealed class LastingScreen(IAnsiConsoleOutput screen, TextWriter writer) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => screen.IsTerminal;

        public int Width => screen.Width;

        public int Height => screen.Height;

        public void SetEncoding(Encoding encoding) => screen.SetEncoding(encoding);
    }
}

/// <summary>
/// Writes on as well as that goes. What can't be written, because the disk behind it is full or the terminal is gone, is lost and
/// remembered; the next line is tried again, for a disk that was full may have room by then.
/// </summary>
internal sealed class LastingWriter(TextWriter writer) : TextWriter
{
    /// <summary>What the first failure was; null while there was none.</summary>
    public Exception? Failure { get; private set; }

    public override Encoding Encoding => writer.Encoding;

    public override IFormatProvider FormatProvider => writer.FormatProvider;

    public override void Write(char value) => Try(writer.Write, value);

    public override void Write(char[] buffer, int index, int count) => Try(part => writer.Write(part.Array!, part.Offset, part.Count), new ArraySegment<char>(buffer, index, count));

    public override void Write(string? value) => Try(writer.Write, value);

    public override void WriteLine(string? value) => Try(writer.WriteLine, value);

    public override void Flush() => Try(to => to.Flush(), writer);

    private void Try<T>(Action<T> write, T what)
    {
        try
        {
            write(what);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure) || failure is ObjectDisposedException)
        {
            Failure ??= failure;
        }
    }
}

/// <summary>What to do next.</summary>
/// <param name="Text">One line.</param>
/// <param name="IsCommand">Whether it is a command, and stays whole so that it can be copied. If not, it is a sentence.</param>
internal sealed record NextStep(string Text, bool IsCommand)
{
    /// <summary>A second way, which a screen shows below the command.</summary>
    public string? Comment { get; init; }

    public static NextStep Command(string line) => new(line, IsCommand: true);

    public static NextStep Hint(string sentence) => new(sentence, IsCommand: false);
}

/// <summary>
/// A line of text that is not broken where the screen ends: the terminal wraps it by itself, so that a path or a
/// command in it can still be copied whole.
/// </summary>
/// <param name="markup">With the screen's markup.</param>
internal sealed class LongLine(string markup) : IRenderable
{
    private readonly IRenderable text = new Markup(markup);

    public Measurement Measure(RenderOptions options, int maxWidth) => text.Measure(options, int.MaxValue);

    public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => text.Render(options, int.MaxValue).Append(Segment.LineBreak);
}
