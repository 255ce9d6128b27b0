using BenchmarkDotNet.Attributes;
using NexusBackupAgent.Metrics;
using Prometheus;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>One scrape's text for 1,000 sources with 30 series each, from the figures to the last byte.</summary>
[MicroBenchmark, MemoryDiagnoser]
public class MetricsBenchmarks
{
    private const int Sources = 1000;
    private const int Families = 30;

    private static readonly string[] Labels = ["source", "schedule"];

    private Sample[][] families = [];

    [GlobalSetup]
    public void Prepare() => families = [.. Enumerable.Range(0, Families).Select(Samples)];

    [Benchmark(Description = "text 0.0.4")]
    public Task Text() => WriteAsync(ExpositionFormat.PrometheusText);

    [Benchmark(Description = "OpenMetrics 1.0")]
    public Task OpenMetrics() => WriteAsync(ExpositionFormat.OpenMetricsText);

    private static Sample[] Samples(int family) =>
        [.. Enumerable.Range(0, Sources).Select(source => new Sample(1_771_000_000.5 + (family * source), $"tenant-{source}", "daily"))];

    private Task WriteAsync(ExpositionFormat format)
    {
        var exposition = new Exposition();
        for (var family = 0; family < families.Length; family++)
            exposition.Gauge($"series_{family}_bytes", "What it says.", Labels, families[family]);
        return exposition.Registry.CollectAndExportAsTextAsync(Stream.Null, format);
    }
}
