namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>Order statistics of measured values.</summary>
internal static class Statistics
{
    /// <summary>The nearest-rank percentile; NaN when there are no values.</summary>
    /// <param name="values">In any order.</param>
    /// <param name="percent">Above 0, to 100.</param>
    public static double Percentile(IReadOnlyCollection<double> values, double percent)
    {
        if (values.Count == 0)
            return double.NaN;
        var rank = (int)Math.Ceiling(percent / 100 * values.Count);
        return values.Order().ElementAt(rank - 1);
    }

    public static double Median(IReadOnlyCollection<double> values) => Percentile(values, 50);
}
