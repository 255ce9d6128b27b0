using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>What the restore drills showed (runbook §7).</summary>
internal static class DrillMetrics
{
    public static void Add(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        string[] ofSource = ["source"];
        var drills = sources.Select(source => (source.Name, Last: source.LastDrill, Passed: source.PassedDrill)).ToList();
        exposition.Counter("drills_total", "Restore drills that ended, by result.", ["source", "result"],
            from source in sources
            from result in Results.All
            select new Sample(source.Counts.Drills(result), source.Name, result));
        exposition.Gauge("last_drill_timestamp_seconds", "When the last restore drill ended; 0 when none did.", ofSource,
            from drill in drills
            select new Sample(Exposition.Seconds(drill.Last?.EndedAt), drill.Name));
        exposition.Gauge("last_drill_success", "Whether the last restore drill passed (1) or not (0); absent until one ended.", ofSource,
            from drill in drills
            where drill.Last is not null
            select new Sample(Exposition.Flag(drill.Last.Passed), drill.Name));
        exposition.Gauge("last_drill_duration_seconds", "Recovery time that the last restore drill that passed measured; 0 when none did.", ofSource,
            from drill in drills
            select new Sample(drill.Passed?.Took.TotalSeconds ?? 0, drill.Name));
    }
}
