using Prometheus;

namespace NexusBackupAgent.Metrics;

/// <param name="Value">Any number, also the infinities.</param>
/// <param name="Labels">Values, in the order of the family's label names.</param>
internal readonly record struct Sample(double Value, params string[] Labels);

/// <summary>What one scrape answers. Its registry lives no longer than the answer: a series whose source is gone is gone, and two scrapes share nothing.</summary>
internal sealed class Exposition
{
    private const string Prefix = "nexus_backup_";

    private static readonly string[] None = [];

    // A family without labels would show 0 before anything was set.
    private static readonly GaugeConfiguration Unset = new() { SuppressInitialValue = true };
    private static readonly CounterConfiguration Uncounted = new() { SuppressInitialValue = true };

    private readonly IMetricFactory factory;

    public Exposition() => factory = Prometheus.Metrics.WithCustomRegistry(Registry);

    public CollectorRegistry Registry { get; } = Prometheus.Metrics.NewCustomRegistry();

    /// <summary>As text 0.0.4, without timestamps.</summary>
    public async Task<byte[]> ToTextAsync(CancellationToken cancellationToken)
    {
        using var text = new MemoryStream();
        await using (var spelt = new InfinityStream(text))
            await Registry.CollectAndExportAsTextAsync(spelt, cancellationToken);
        return text.ToArray();
    }

    /// <param name="name">Without the prefix.</param>
    /// <param name="help">One sentence without quotes, backslashes and line breaks, which the writer does not escape.</param>
    /// <param name="labels">Names of the labels.</param>
    /// <param name="samples">No two with the same labels; none: the family is named and has no series.</param>
    public void Gauge(string name, string help, string[] labels, IEnumerable<Sample> samples)
    {
        var family = factory.CreateGauge(Prefix + name, Plain(help), labels, Unset);
        foreach (var sample in samples)
            family.WithLabels(sample.Labels).Set(sample.Value);
    }

    /// <param name="name">Without the prefix; ends in <c>_total</c>.</param>
    /// <param name="help">As of a gauge, as are the other two.</param>
    /// <param name="labels">Names of the labels.</param>
    /// <param name="samples">The counts, which the journal keeps over restarts.</param>
    public void Counter(string name, string help, string[] labels, IEnumerable<Sample> samples)
    {
        var family = factory.CreateCounter(Prefix + name, Plain(help), labels, Uncounted);
        foreach (var sample in samples)
            family.WithLabels(sample.Labels).IncTo(sample.Value);
    }

    /// <param name="value">Null: there is none yet.</param>
    public void Gauge(string name, string help, double? value)
    {
        var family = factory.CreateGauge(Prefix + name, Plain(help), None, Unset);
        if (value is { } known)
            family.Set(known);
    }

    /// <summary>Seconds since 1970 UTC with milliseconds; 0 for never, also for instants before.</summary>
    public static double Seconds(DateTimeOffset? instant) => instant is { } at && at > DateTimeOffset.UnixEpoch ? at.ToUnixTimeMilliseconds() / 1000.0 : 0;

    public static double Flag(bool value) => value ? 1 : 0;

    private static string Plain(string help) =>
        help.AsSpan().ContainsAny('\\', '"', '\n') ? throw new ArgumentException($"the help text '{help}' needs escaping", nameof(help)) : help;
}
