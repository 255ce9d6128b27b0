using Microsoft.Data.Sqlite;
using NexusBackupAgent.Retention;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>A schedule as the journal notes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Cron">Its cron text.</param>
/// <param name="Retention">How long its backups are kept.</param>
/// <param name="Since">Of a noted one: since when its backups should be there, UTC. Of a configured one: its oldest backup's capture time; null when it has none.</param>
internal sealed record NotedSchedule(string Name, string Cron, RetentionPeriod Retention, DateTimeOffset? Since)
{
    /// <summary>Writes the schedules of a source as they are configured now, each with since when its backups should be there.</summary>
    public static int Replace(SqliteTransaction transaction, string source, IReadOnlyList<NotedSchedule> schedules, DateTimeOffset now, TimeZoneInfo zone)
    {
        var noted = Query(
            transaction, "SELECT schedule, cron, retention, added_at FROM schedules WHERE source = $source",
            row => new NotedSchedule(row.GetString(0), row.GetString(1), RetentionPeriod.Parse(row.GetString(2)), Instant(row, 3)), ("$source", source))
            .ToDictionary(schedule => schedule.Name, StringComparer.Ordinal);
        var configured = schedules.Select(schedule => schedule with { Since = SinceWhen(schedule, noted.GetValueOrDefault(schedule.Name), now, zone) }).ToList();
        if (noted.Count == configured.Count && configured.All(schedule => noted.GetValueOrDefault(schedule.Name) == schedule))
            return 0; // as at each start of an agent; writing it again would wait for the disk
        Execute(transaction, "DELETE FROM schedules WHERE source = $source", ("$source", source));
        foreach (var schedule in configured)
        {
            Execute(
                transaction,
                "INSERT INTO schedules (source, schedule, cron, retention, added_at) VALUES ($source, $schedule, $cron, $retention, $since)",
                ("$source", source), ("$schedule", schedule.Name), ("$cron", schedule.Cron), ("$retention", schedule.Retention.ToString()), ("$since", Milliseconds(schedule.Since!.Value)));
        }

        return configured.Count;
    }

    /// <param name="before">The same as it was noted; null when it is new.</param>
    private static DateTimeOffset SinceWhen(NotedSchedule schedule, NotedSchedule? before, DateTimeOffset now, TimeZoneInfo zone) =>
        before?.SinceWhenIt(schedule, now, zone) ?? (schedule.Since < now ? schedule.Since.Value : now);

    /// <returns>Since when the backups of the schedule as it is configured now should be there, UTC.</returns>
    public DateTimeOffset SinceWhenIt(NotedSchedule becomes, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (Cron != becomes.Cron)
            return now;
        return Retention == becomes.Retention || Retention.StartOfWhatIsKept(now, zone) is not { } kept || kept < Since ? Since!.Value : kept;
    }
}
