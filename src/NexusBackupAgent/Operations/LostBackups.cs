using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Operations;

/// <summary>What was stored and is gone, although neither retention nor a person through the agent removed it.</summary>
/// <param name="Halves">Files whose other half is gone: a manifest without its artifact, an increment without its manifest. They are told until they are explained.</param>
/// <param name="Whole">The runs that made backups of which nothing is left, oldest first.</param>
internal sealed record LostBackups(IReadOnlyList<Orphan> Halves, IReadOnlyList<Operation> Whole)
{
    /// <param name="made">As <see cref="OperationJournal.Made"/> told before the store was asked: a run that ends meanwhile has lost nothing.</param>
    public static LostBackups Find(ProtectedSource source, OperationJournal journal, IReadOnlyList<Operation> made, IReadOnlyList<Backup> backups, IReadOnlyList<Orphan> orphans, DateTimeOffset now)
    {
        var since = journal.Read().Schedules.Where(noted => noted.Key.Source == source.Name).ToDictionary(noted => noted.Key.Schedule, noted => noted.Value, StringComparer.Ordinal);
        return Find(made, backups, orphans, source.Retention, since, now, source.Zone);
    }

    /// <param name="made">The runs that made a backup, as far as nobody knows that it is gone.</param>
    /// <param name="backups">What is in the store.</param>
    /// <param name="retention">By schedule, as it is configured now.</param>
    /// <param name="since">By schedule: since when its backups should be there, UTC.</param>
    public static LostBackups Find(
        IReadOnlyList<Operation> made,
        IReadOnlyList<Backup> backups,
        IReadOnlyList<Orphan> orphans,
        IReadOnlyDictionary<string, RetentionPeriod> retention,
        IReadOnlyDictionary<string, DateTimeOffset> since,
        DateTimeOffset now,
        TimeZoneInfo zone)
    {
        var here = backups.Select(backup => backup.Id).ToHashSet();
        // What bears a damaged or unreadable manifest is here, under an id that nobody can read.
        var halves = orphans.Where(orphan => orphan.IsHalf).ToList();
        var nameless = backups.Where(backup => !backup.Manifest.IsCommitted).Select(backup => backup.CapturedAt)
            .Concat(halves.Select(half => BackupFiles.CapturedAt(half.File, zone)).OfType<DateTimeOffset>()).ToList();
        return new LostBackups(halves, [.. made.Where(run => run.Backup is { } id && !here.Contains(id) && !nameless.Exists(id.IsOf) && ShouldBeHere(run))]);

        // What retention removes it removes without a word in the journal: only within its period it has to be there.
        bool ShouldBeHere(Operation run) => run.Schedule == BackupManifest.ManualSchedule
            || (run.Schedule is { } schedule && retention.TryGetValue(schedule, out var period) && since.TryGetValue(schedule, out var from) && run.StartedAt >= from
                && !(period.ExpiresAt(run.StartedAt, zone) <= now));
    }
}
