using NexusBackupAgent.Journal;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>What the restore drills showed (runbook §7).</summary>
internal static class DrillMetrics
{
    /// <param name="counts">Ended drills by source and result.</param>
    /// <param name="lastOfEach">The last drill that ended, by source.</param>
    /// <param name="passedOfEach">The last one that passed, by source: a drill that failed measured no recovery.</param>
    public static IEnumerable<MetricFamily> Of(
        IReadOnlyList<SourceFigures> sources,
        IReadOnlyDictionary<(string Source, string Result), long> counts,
        IReadOnlyDictionary<string, Operation> lastOfEach,
        IReadOnlyDictionary<string, Operation> passedOfEach)
    {
        var drills = sources.Select(source => (
            source.Name,
            Last: LastDrill.Of(lastOfEach.GetValueOrDefault(source.Name), source.Backups),
            Passed: LastDrill.Of(passedOfEach.GetValueOrDefault(source.Name), [.. source.Backups.Where(backup => backup.Drill is { Passed: true })]))).ToList();
        yield return Metric.Counter("drills_total", "Restore drills that ended, good or bad.", [
            .. drills.Select(drill => One(drill.Name, counts.GetValueOrDefault((drill.Name, "success")) + counts.GetValueOrDefault((drill.Name, "failure"))))]);
        yield return Metric.Gauge("last_drill_timestamp_seconds", "When the last restore drill ended; 0 when none did.", [
            .. drills.Select(drill => One(drill.Name, Metric.Seconds(drill.Last?.EndedAt)))]);
        yield return Metric.Gauge("last_drill_success", "Whether the last restore drill passed (1) or not (0).", [
            .. drills.Select(drill => One(drill.Name, Metric.Flag(drill.Last is { Passed: true })))]);
        yield return Metric.Gauge("last_drill_duration_seconds", "Recovery time that the last restore drill that passed measured; 0 when none did.", [
            .. drills.Select(drill => One(drill.Name, drill.Passed?.Took.TotalSeconds ?? 0))]);
    }

    private static MetricSample One(string source, double value) => new([("source", source)], value);
}
