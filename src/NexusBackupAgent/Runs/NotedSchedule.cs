using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Runs;

/// <summary>A schedule as the journal notes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Cron">Its cron text.</param>
/// <param name="Retention">How long its backups are kept.</param>
/// <param name="Since">Of a noted one: since when its backups should be there, UTC. Of a configured one: its oldest backup's capture time; null when it has none.</param>
internal sealed record NotedSchedule(string Name, string Cron, RetentionPeriod Retention, DateTimeOffset? Since)
{
    /// <returns>Since when the backups of the schedule as it is configured now should be there, UTC.</returns>
    public DateTimeOffset SinceWhenIt(NotedSchedule becomes, DateTimeOffset now, TimeZoneInfo zone)
    {
        if (Cron != becomes.Cron)
            return now;
        return Retention == becomes.Retention || Retention.StartOfWhatIsKept(now, zone) is not { } kept || kept < Since ? Since!.Value : kept;
    }
}
