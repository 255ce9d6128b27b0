using System.Buffers;
using BenchmarkDotNet.Attributes;
using NexusBackupAgent.Metrics;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>One scrape's text for 1,000 sources with 30 series each.</summary>
[MicroBenchmark, MemoryDiagnoser]
public class MetricsBenchmarks
{
    private const int Sources = 1000;
    private const int Families = 30;

    private readonly ArrayBufferWriter<byte> output = new(4 << 20);
    private IReadOnlyList<MetricFamily> families = [];

    [GlobalSetup]
    public void Prepare() => families = [.. Enumerable.Range(0, Families).Select(family => Metric.Gauge($"series_{family}_bytes", "What it says.", Samples(family)))];

    [Benchmark(Description = "text 0.0.4")]
    public void Text() => Write(ExpositionFormat.Text);

    [Benchmark(Description = "OpenMetrics 1.0")]
    public void OpenMetrics() => Write(ExpositionFormat.OpenMetrics);

    private static MetricSample[] Samples(int family) =>
        [.. Enumerable.Range(0, Sources).Select(source => new MetricSample([("source", $"tenant-{source}"), ("schedule", "daily")], 1_771_000_000.5 + (family * source)))];

    private void Write(ExpositionFormat format)
    {
        output.ResetWrittenCount();
        PrometheusText.Write(families, format, output);
    }
}
