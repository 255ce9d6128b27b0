using NexusBackupAgent.Status;

namespace NexusBackupAgent.Metrics;

/// <summary>How the restores went (runbook §1). The last one is one over the live source: one elsewhere, or one that was refused before it began, says nothing of that.</summary>
internal static class RestoreMetrics
{
    public static void Add(Exposition exposition, IReadOnlyList<SourceState> sources)
    {
        string[] ofSource = ["source"];
        exposition.Counter("restores_total", "Restores that ended, over the live source or elsewhere, by result; a refused one failed.", ["source", "result"],
            from source in sources
            from result in Results.All
            select new Sample(source.Counts.Restores(result), source.Name, result));
        exposition.Gauge("last_restore_timestamp_seconds", "When the last restore over the live source ended, good or bad, or began if its process died; 0 when none did.", ofSource,
            from source in sources
            select new Sample(Exposition.Seconds(source.Records.LastLiveRestore?.EndedAt), source.Name));
        exposition.Gauge("last_restore_success", "Whether the last restore over the live source succeeded (1) or not (0); absent until one ended.", ofSource,
            from source in sources
            where source.Records.LastLiveRestore is not null
            select new Sample(Exposition.Flag(source.Records.LastLiveRestore!.Succeeded), source.Name));
    }
}
