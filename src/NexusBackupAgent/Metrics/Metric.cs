namespace NexusBackupAgent.Metrics;

/// <summary>Short forms for the families of this agent.</summary>
internal static class Metric
{
    public static MetricFamily Gauge(string name, string help, IReadOnlyList<MetricSample> samples) =>
        new("nexus_backup_" + name, MetricType.Gauge, help, samples);

    public static MetricFamily Counter(string name, string help, IReadOnlyList<MetricSample> samples) =>
        new("nexus_backup_" + name, MetricType.Counter, help, samples);

    /// <summary>Seconds since 1970 UTC with milliseconds; 0 for never, also for instants before.</summary>
    public static double Seconds(DateTimeOffset? instant) => instant is { } at && at > DateTimeOffset.UnixEpoch ? at.ToUnixTimeMilliseconds() / 1000.0 : 0;

    public static double Flag(bool value) => value ? 1 : 0;
}
