using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Status;

/// <summary>Backups that retention should have removed and that are still there (runbook §1, §7).</summary>
internal static class OverdueBackups
{
    // Only a successful run prunes. When none succeeds for so long, backups count as overdue all the same.
    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(24);

    /// <param name="source">The source.</param>
    /// <param name="backups">Its backups.</param>
    /// <param name="activity">From the journal; null when it knows nothing of the source.</param>
    /// <param name="now">The instant to count at.</param>
    /// <param name="held">What is kept on purpose: until it is copied, or until its lock ends.</param>
    public static int Count(ProtectedSource source, IReadOnlyList<Backup> backups, SourceActivity? activity, DateTimeOffset now, IReadOnlySet<BackupId>? held = null) => Find(source, backups, activity, now, held).Count;

    /// <returns>Newest first.</returns>
    public static IReadOnlyList<Backup> Find(ProtectedSource source, IReadOnlyList<Backup> backups, SourceActivity? activity, DateTimeOffset now, IReadOnlySet<BackupId>? held = null)
    {
        var lastPrune = activity is { LastRunSucceeded: true, LastRunAt: { } at } ? at : DateTimeOffset.MinValue;
        var asOf = lastPrune > now - PruneInterval ? lastPrune : now - PruneInterval;
        var due = backups.Where(backup => backup.CapturedAt <= asOf).ToList();
        return RetentionPolicy.Removed(due, source.Retention, asOf, source.Zone, held?.ToDictionary(id => id, _ => "held"));
    }
}
