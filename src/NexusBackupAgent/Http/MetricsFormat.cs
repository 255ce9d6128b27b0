using Microsoft.Net.Http.Headers;

namespace NexusBackupAgent.Http;

/// <summary>The two formats in which Prometheus reads metrics.</summary>
internal enum MetricsFormat
{
    /// <summary>Prometheus text 0.0.4, which every scraper reads.</summary>
    Text,

    /// <summary>OpenMetrics 1.0.</summary>
    OpenMetrics,
}

internal static class MetricsFormats
{
    private static readonly (string Type, string Version) Text = ("text/plain", "0.0.4");
    private static readonly (string Type, string Version) OpenMetrics = ("application/openmetrics-text", "1.0.0");

    /// <summary>Of both, without versions.</summary>
    public static IReadOnlyList<string> MediaTypes { get; } = [Text.Type, OpenMetrics.Type];

    /// <summary>The value of the Content-Type header.</summary>
    public static string ContentType(this MetricsFormat format)
    {
        var (type, version) = format == MetricsFormat.OpenMetrics ? OpenMetrics : Text;
        return $"{type}; version={version}; charset=utf-8";
    }

    /// <summary>The format that an <c>Accept</c> header prefers; text when it has no preference, is absent or cannot be read.</summary>
    public static MetricsFormat Negotiate(string? accept)
    {
        if (accept is null || !MediaTypeHeaderValue.TryParseList([accept], out var ranges))
            return MetricsFormat.Text;
        return Quality(OpenMetrics, ranges) > Quality(Text, ranges) ? MetricsFormat.OpenMetrics : MetricsFormat.Text;
    }

    /// <summary>0 to 1, as the most specific range that covers the format says; 0 when none does.</summary>
    private static double Quality((string Type, string Version) format, IEnumerable<MediaTypeHeaderValue> ranges)
    {
        var best = ranges.Where(range => Covers(range, format)).OrderByDescending(Specificity).FirstOrDefault();
        return best is null ? 0 : best.Quality ?? 1;
    }

    private static bool Covers(MediaTypeHeaderValue range, (string Type, string Version) format)
    {
        var version = range.Parameters.FirstOrDefault(parameter => parameter.Name.Equals("version", StringComparison.OrdinalIgnoreCase))?.Value;
        return new MediaTypeHeaderValue(format.Type).IsSubsetOf(new MediaTypeHeaderValue(range.MediaType))
            && (version is null || version.Value.Value?.Trim('"') == format.Version);
    }

    private static int Specificity(MediaTypeHeaderValue range) =>
        range.MatchesAllTypes ? 0 : range.MatchesAllSubTypes ? 1 : 2 + range.Parameters.Count(parameter => !parameter.Name.Equals("q", StringComparison.OrdinalIgnoreCase));
}
