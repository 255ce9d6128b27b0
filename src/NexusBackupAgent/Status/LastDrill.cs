using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Status;

/// <summary>What the last restore drill of a source showed.</summary>
/// <param name="EndedAt">UTC.</param>
/// <param name="Took">The measured recovery time; of a drill that could not restore anything, how long that took.</param>
/// <param name="Backup">What was restored; null when there was nothing, or it is gone since.</param>
/// <param name="Reason">Why it failed; null when it passed.</param>
internal sealed record LastDrill(DateTimeOffset EndedAt, TimeSpan Took, Backup? Backup, string? Reason)
{
    public bool Passed => Reason is null;

    /// <summary>How old the recovered data was at the time of the drill; null when it is not known any more.</summary>
    public TimeSpan? DataAge => EndedAt - Backup?.CapturedAt;

    /// <summary>From the journal, and where that was lost, from the files beside the backups.</summary>
    /// <param name="operation">The last drill that ended, from the journal; null if none did.</param>
    /// <param name="backups">Those of the source.</param>
    /// <returns>Null when there was no drill.</returns>
    public static LastDrill? Of(Operation? operation, IReadOnlyList<Backup> backups)
    {
        var newest = backups.Where(backup => backup.Drill is not null).MaxBy(backup => backup.Drill!.DrilledAt);
        var kept = newest?.Drill is { } result
            ? new LastDrill(result.DrilledAt, TimeSpan.FromSeconds(result.Seconds), newest, result.Passed ? null : result.Reason)
            : null;
        if (operation is not { EndedAt: { } endedAt })
            return kept;
        if (kept is not null && kept.EndedAt >= operation.StartedAt)
            return kept; // the file of this drill, which measured from artifact to answer; or a later one's, of another journal
        return new LastDrill(endedAt, operation.Took, backups.FirstOrDefault(backup => backup.Id == operation.Backup), operation.Failure?.Message);
    }
}
