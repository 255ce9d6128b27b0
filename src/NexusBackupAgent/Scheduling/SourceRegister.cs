using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Scheduling;

/// <summary>What the journal has to know of a source before anybody judges it: what died with its process, and since when the source and its schedules are there.</summary>
/// <param name="zone">The zone of the cron expressions.</param>
internal sealed class SourceRegister(BackupOperation operation, OperationJournal journal, TimeZoneInfo zone)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(9);

    /// <returns>Since when the source is known, and its backups.</returns>
    /// <exception cref="BackupException">Its store or the journal can't be used.</exception>
    public async Task<(DateTimeOffset AddedAt, IReadOnlyList<Backup> Backups)> EnterAsync(ScheduledSource source, DateTimeOffset now, CancellationToken cancellationToken)
    {
        operation.CloseAbandoned(source.Name);
        var backups = await source.Source.Catalog.ListAsync(cancellationToken);
        var addedAt = journal.AddSource(source.Name, backups.Select(backup => backup.CapturedAt).Append(now).Min());
        journal.NoteSchedules(source.Name, [.. source.Schedules.Select(schedule => Note(source, schedule, backups))], now, zone);
        return (addedAt, backups);
    }

    /// <summary>All at once, where no agent does it. One whose store does not answer in time or can't be read is known from now on, and entered another time.</summary>
    /// <exception cref="BackupException">The journal can't be used.</exception>
    public Task EnterAllAsync(IReadOnlyList<ScheduledSource> sources, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        journal.AddSources([.. sources.Select(source => source.Name)], now);
        return Task.WhenAll(sources.Select(async source =>
        {
            try
            {
                await Task.Run(() => EnterAsync(source, now, cancellationToken), cancellationToken).WaitAsync(Patience, timeProvider, cancellationToken);
            }
            catch (Exception silent) when (silent is TimeoutException or BackupException)
            {
                // Whoever looks at the store next says so.
            }
        }));
    }

    private static NotedSchedule Note(ScheduledSource source, Schedule schedule, IReadOnlyList<Backup> backups) => new(
        schedule.Name,
        schedule.Cron.ToString(),
        source.Source.Retention.GetValueOrDefault(schedule.Name, RetentionPeriod.Forever),
        backups.Where(backup => backup.Schedule == schedule.Name).Select(backup => (DateTimeOffset?)backup.CapturedAt).Min());
}
