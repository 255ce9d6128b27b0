using System.Buffers;
using System.Globalization;
using System.Text;

namespace NexusBackupAgent.Metrics;

/// <summary>Writes metrics as Prometheus reads them: text 0.0.4 or OpenMetrics 1.0, in UTF-8.</summary>
internal static class PrometheusText
{
    private const int LongestNumber = 32;

    private static readonly SearchValues<char> EscapedInHelp = SearchValues.Create("\\\n");
    private static readonly SearchValues<char> EscapedInQuotes = SearchValues.Create("\\\n\"");

    /// <param name="families">No two with the same name.</param>
    /// <param name="format">See <see cref="ExpositionFormats.Negotiate"/>.</param>
    /// <param name="output">Where the bytes go.</param>
    public static void Write(IEnumerable<MetricFamily> families, ExpositionFormat format, IBufferWriter<byte> output)
    {
        foreach (var family in families)
        {
            WriteHead(family, format, output);
            foreach (var sample in family.Samples)
                WriteSample(family.Name, sample, output);
        }

        if (format == ExpositionFormat.OpenMetrics)
            output.Write("# EOF\n"u8);
    }

    private static void WriteHead(MetricFamily family, ExpositionFormat format, IBufferWriter<byte> output)
    {
        var isOpenMetrics = format == ExpositionFormat.OpenMetrics;
        var name = isOpenMetrics ? family.Name.AsSpan(0, family.Name.Length - family.Suffix.Length) : family.Name;
        output.Write("# HELP "u8);
        WriteText(name, output);
        output.Write(" "u8);
        WriteEscaped(family.Help, isOpenMetrics ? EscapedInQuotes : EscapedInHelp, output);
        output.Write("\n# TYPE "u8);
        WriteText(name, output);
        output.Write(family.Type switch
        {
            MetricType.Counter => " counter\n"u8,
            MetricType.Info when isOpenMetrics => " info\n"u8,
            _ => " gauge\n"u8, // Text 0.0.4 knows no info.
        });
    }

    /// <summary>Piece by piece into one span: a thousand sources have forty thousand samples.</summary>
    private static void WriteSample(string name, MetricSample sample, IBufferWriter<byte> output)
    {
        var line = new Line(output.GetSpan(Longest(name, sample)));
        line.Text(name);
        for (var i = 0; i < sample.Labels.Count; i++)
        {
            var (label, value) = sample.Labels[i];
            line.Bytes(i == 0 ? "{"u8 : ","u8);
            line.Text(label);
            line.Bytes("=\""u8);
            line.Quoted(value);
            line.Bytes("\""u8);
        }

        line.Bytes(sample.Labels.Count == 0 ? " "u8 : "} "u8);
        line.Number(sample.Value);
        line.Bytes("\n"u8);
        output.Advance(line.Length);
    }

    /// <returns>Bytes that no such sample exceeds: each character takes three at most, and a backslash before it.</returns>
    private static int Longest(string name, MetricSample sample)
    {
        var characters = name.Length;
        foreach (var (label, value) in sample.Labels)
            characters += label.Length + (value.Length * 2) + "{=\"\"".Length;
        return (characters * 3) + LongestNumber + "} \n".Length;
    }

    /// <summary>A line that is being written into a span that it fits into.</summary>
    private ref struct Line(Span<byte> span)
    {
        private readonly Span<byte> span = span;

        public int Length { get; private set; }

        private readonly Span<byte> Rest => span[Length..];

        public void Bytes(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(Rest);
            Length += bytes.Length;
        }

        public void Text(ReadOnlySpan<char> text) => Length += Encoding.UTF8.GetBytes(text, Rest);

        public void Quoted(ReadOnlySpan<char> text)
        {
            for (var next = text.IndexOfAny(EscapedInQuotes); next >= 0; next = text.IndexOfAny(EscapedInQuotes))
            {
                Text(text[..next]);
                Bytes(Escaped(text[next]));
                text = text[(next + 1)..];
            }

            Text(text);
        }

        public void Number(double value)
        {
            if (!double.IsFinite(value))
            {
                Bytes(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8);
                return;
            }

            value.TryFormat(Rest, out var written, "R", CultureInfo.InvariantCulture);
            Length += written;
        }
    }

    private static ReadOnlySpan<byte> Escaped(char character) => character switch
    {
        '\n' => "\\n"u8,
        '"' => "\\\""u8,
        _ => "\\\\"u8,
    };

    private static void WriteEscaped(ReadOnlySpan<char> text, SearchValues<char> escaped, IBufferWriter<byte> output)
    {
        for (var next = text.IndexOfAny(escaped); next >= 0; next = text.IndexOfAny(escaped))
        {
            WriteText(text[..next], output);
            output.Write(Escaped(text[next]));
            text = text[(next + 1)..];
        }

        WriteText(text, output);
    }

    private static void WriteText(ReadOnlySpan<char> text, IBufferWriter<byte> output) => Encoding.UTF8.GetBytes(text, output);
}
