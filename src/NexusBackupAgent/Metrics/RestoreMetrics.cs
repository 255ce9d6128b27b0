using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Metrics;

/// <summary>How the last restores went (runbook §1). One elsewhere, or one that was refused before it began, says nothing.</summary>
internal static class RestoreMetrics
{
    /// <param name="lastOfEach">The last restore over its live database that ended or died, by source.</param>
    public static IEnumerable<MetricFamily> Of(IReadOnlyList<SourceFigures> sources, IReadOnlyDictionary<string, Operation> lastOfEach)
    {
        var restores = sources.Select(source => (source.Name, Last: lastOfEach.GetValueOrDefault(source.Name))).ToList();
        yield return Metric.Gauge("last_restore_timestamp_seconds", "When the last restore over the live database ended, good or bad, or began if its process died; 0 when none did.", [
            .. restores.Select(restore => One(restore.Name, Metric.Seconds(restore.Last?.EndedAt)))]);
        yield return Metric.Gauge("last_restore_success", "Whether the last restore over the live database succeeded (1) or not (0).", [
            .. restores.Select(restore => One(restore.Name, Metric.Flag(restore.Last is { Succeeded: true })))]);
    }

    private static MetricSample One(string source, double value) => new([("source", source)], value);
}
