using System.Collections.Concurrent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Scheduling;

/// <summary>The sources that appeared since the agent looked last, and what the journal has to know of each before it counts as taken on.</summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed class Newcomers(SourceRoster roster, BackupOperation operation, ChoreRota chores, OperationJournal journal, TimeZoneInfo zone)
{
    private readonly HashSet<string> seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> takenOn = new(StringComparer.Ordinal);

    /// <summary>Forgets the sources that are gone; one that comes back is new again.</summary>
    /// <returns>Those of the roster that were not there the last time.</returns>
    public IReadOnlyList<ScheduledSource> Find()
    {
        seen.IntersectWith(roster.Current.Select(source => source.Name));
        foreach (var gone in takenOn.Keys.Where(name => !seen.Contains(name)))
            takenOn.TryRemove(gone, out _);
        return [.. roster.Current.Where(source => seen.Add(source.Name))];
    }

    public bool IsTakenOn(ScheduledSource source) => takenOn.ContainsKey(source.Name);

    /// <summary>Closes what died with its process, and notes since when the source and its schedules are known.</summary>
    /// <returns>What was missed, to be done now.</returns>
    /// <exception cref="BackupException">Its store or the journal can't be used; it is not taken on.</exception>
    public async Task<(IReadOnlyList<Schedule> Schedules, IReadOnlyList<Chore> Chores)> TakeOnAsync(ScheduledSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        operation.CloseAbandoned(source.Name);
        var backups = await source.Source.Catalog.ListAsync(cancellationToken);
        var addedAt = journal.AddSource(source.Name, backups.Select(backup => backup.CapturedAt).Append(now).Min());
        journal.NoteSchedules(source.Name, [.. source.Schedules.Select(schedule => Note(source, schedule, backups))], now, zone);
        var due = CatchUp.Due(source.Schedules, backups, addedAt, schedule => journal.LastStarted(source.Name, schedule.Name), await StartBeforeLossAsync(source, backups, cancellationToken), now, zone);
        var missed = chores.Missed(source, addedAt, now);
        takenOn[source.Name] = true;
        return (due, missed);
    }

    /// <summary>
    /// The schedule to run now because nothing is left of the source's backups; null when there is none. Where the store is
    /// bare its disk may not be mounted, and a backup below it would only hide that: people are told, at level L3.
    /// </summary>
    public async Task<Schedule?> AfterLossAsync(ScheduledSource source, IReadOnlyList<Backup> backups, DateTimeOffset now, CancellationToken cancellationToken) =>
        CatchUp.AfterLoss(source.Schedules, backups, await StartBeforeLossAsync(source, backups, cancellationToken), now, zone);

    /// <returns>The last run of a source that has no backups; null when it has some, never ran, or its store is bare.</returns>
    private async Task<(DateTimeOffset At, bool Succeeded)?> StartBeforeLossAsync(ScheduledSource source, IReadOnlyList<Backup> backups, CancellationToken cancellationToken) =>
        backups.Count == 0 && !(await source.Source.Catalog.Store.GetHealthAsync(cancellationToken)).IsBare && journal.LastStarts(source.Name, 1) is [var last, ..] ? last : null;

    private static NotedSchedule Note(ScheduledSource source, Schedule schedule, IReadOnlyList<Backup> backups) => new(
        schedule.Name,
        schedule.Cron.ToString(),
        source.Source.Retention.GetValueOrDefault(schedule.Name, RetentionPeriod.Forever),
        backups.Where(backup => backup.Schedule == schedule.Name).Select(backup => (DateTimeOffset?)backup.CapturedAt).Min());
}
