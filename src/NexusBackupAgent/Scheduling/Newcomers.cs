using System.Collections.Concurrent;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Scheduling;

/// <summary>The sources that appeared since the agent looked last, and what each has missed.</summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed class Newcomers(SourceRoster roster, SourceRegister register, ChoreRota chores, OperationJournal journal, TimeZoneInfo zone)
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

    /// <summary>Enters the source into the journal.</summary>
    /// <returns>What was missed, to be done now.</returns>
    /// <exception cref="BackupException">Its store or the journal can't be used; it is not taken on.</exception>
    public async Task<(IReadOnlyList<Schedule> Schedules, IReadOnlyList<Chore> Chores)> TakeOnAsync(ScheduledSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (addedAt, backups) = await register.EnterAsync(source, now, cancellationToken);
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
}
