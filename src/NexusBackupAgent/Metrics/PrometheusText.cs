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

    private static void WriteSample(string name, MetricSample sample, IBufferWriter<byte> output)
    {
        WriteText(name, output);
        for (var i = 0; i < sample.Labels.Count; i++)
        {
            output.Write(i == 0 ? "{"u8 : ","u8);
            WriteText(sample.Labels[i].Name, output);
            output.Write("=\""u8);
            WriteEscaped(sample.Labels[i].Value, EscapedInQuotes, output);
            output.Write("\""u8);
        }

        output.Write(sample.Labels.Count == 0 ? " "u8 : "} "u8);
        WriteNumber(sample.Value, output);
        output.Write("\n"u8);
    }

    private static void WriteNumber(double value, IBufferWriter<byte> output)
    {
        if (!double.IsFinite(value))
        {
            output.Write(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8);
            return;
        }

        value.TryFormat(output.GetSpan(LongestNumber), out var written, "R", CultureInfo.InvariantCulture);
        output.Advance(written);
    }

    private static void WriteEscaped(ReadOnlySpan<char> text, SearchValues<char> escaped, IBufferWriter<byte> output)
    {
        for (var next = text.IndexOfAny(escaped); next >= 0; next = text.IndexOfAny(escaped))
        {
            WriteText(text[..next], output);
            output.Write(text[next] switch
            {
                '\n' => "\\n"u8,
                '"' => "\\\""u8,
                _ => "\\\\"u8,
            });
            text = text[(next + 1)..];
        }

        WriteText(text, output);
    }

    private static void WriteText(ReadOnlySpan<char> text, IBufferWriter<byte> output) => Encoding.UTF8.GetBytes(text, output);
}
