using System.Globalization;
using System.Text;
using NexusBackupAgent.Metrics;

namespace NexusBackupAgent.Tests.Support;

/// <summary>What an exposition says, read as a scraper reads it.</summary>
internal static class Scrape
{
    /// <summary>Each series, name with labels, and its value.</summary>
    public static async Task<IReadOnlyDictionary<string, double>> SeriesAsync(Exposition exposition) => Series(await TextAsync(exposition));

    /// <summary>The same of a text.</summary>
    public static IReadOnlyDictionary<string, double> Series(string text) => text.Split('\n').Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => (line, At: line.LastIndexOf(' ')))
        .ToDictionary(series => series.line[..series.At], series => double.Parse(series.line[(series.At + 1)..].Replace("Inf", "Infinity", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture), StringComparer.Ordinal);

    public static async Task<string> TextAsync(Exposition exposition)
    {
        using var text = new MemoryStream();
        await exposition.Registry.CollectAndExportAsTextAsync(text, Prometheus.ExpositionFormat.OpenMetricsText);
        return Encoding.UTF8.GetString(text.ToArray());
    }
}
