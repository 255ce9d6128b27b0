using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.Metrics;

/// <summary>What a metric's value means to Prometheus.</summary>
internal enum MetricType
{
    /// <summary>A value that goes up and down.</summary>
    Gauge,

    /// <summary>A count that only grows; its name ends in <c>_total</c>.</summary>
    Counter,

    /// <summary>Always 1; the labels are what it says. Its name ends in <c>_info</c>.</summary>
    Info,
}

/// <param name="Labels">In the order they are written; a name is a letter and letters, digits or _, a value any text.</param>
/// <param name="Value">Any number, also NaN and the infinities.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct MetricSample(IReadOnlyList<(string Name, string Value)> Labels, double Value);

/// <summary>All samples of one metric.</summary>
internal sealed partial class MetricFamily
{
    /// <param name="name">As in the samples, with its prefix, unit and <c>_total</c> or <c>_info</c>.</param>
    /// <param name="type">What its values mean.</param>
    /// <param name="help">One sentence; may hold any text.</param>
    /// <param name="samples">No two with the same labels; may be empty.</param>
    /// <exception cref="ArgumentException">The name is none for Prometheus, or lacks its type's ending: a defect of the caller.</exception>
    public MetricFamily(string name, MetricType type, string help, IReadOnlyList<MetricSample> samples)
    {
        Suffix = type switch
        {
            MetricType.Counter => "_total",
            MetricType.Info => "_info",
            _ => "",
        };
        if (!MetricName().IsMatch(name) || !name.EndsWith(Suffix, StringComparison.Ordinal))
            throw new ArgumentException($"'{name}' is not the name of a metric of type {type}", nameof(name));
        (Name, Type, Help, Samples) = (name, type, help, samples);
    }

    public string Name { get; }

    public MetricType Type { get; }

    public string Help { get; }

    public IReadOnlyList<MetricSample> Samples { get; }

    /// <summary>The end of the name that OpenMetrics has in the samples and not in the family.</summary>
    public string Suffix { get; }

    [GeneratedRegex("^[a-zA-Z_][a-zA-Z0-9_]*$")]
    private static partial Regex MetricName();
}
