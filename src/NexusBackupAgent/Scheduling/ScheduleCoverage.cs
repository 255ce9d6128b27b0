using NexusBackupAgent.Configuration;

namespace NexusBackupAgent.Scheduling;

/// <summary>Warns of schedules that can't keep a source's RPO.</summary>
internal static class ScheduleCoverage
{
    /// <summary>The hour that a day gains when daylight saving ends: daily backups with an RPO of 24 h are what they should be.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private static readonly TimeSpan Horizon = TimeSpan.FromDays(366);

    public static IEnumerable<ConfigurationProblem> Check(SourceConfiguration source, TimeZoneInfo zone, DateTimeOffset now)
    {
        if (source.Schedules.Count == 0)
            return [];
        var crons = source.Schedules.Select(schedule => schedule.Cron).ToArray();
        var never = source.Schedules
            .Where(schedule => schedule.Cron.GetNextOccurrence(now, zone) is null)
            .Select(schedule => Warning(KeyPath.Join("sources", source.Name, "schedules", schedule.Name, "cron"), schedule.Cron.ToString(),
                "never happens", "write a day that exists"));
        if (LongestGap(crons, source.Rpo.Warning + Grace, zone, now) is not { } gap)
            return never;
        var (longest, warning) = (DurationText.Format(gap), DurationText.Format(source.Rpo.Warning));
        return never.Append(Warning(KeyPath.Join("sources", source.Name, "rpo", "warning"), warning,
            $"the schedules leave up to {longest} between two backups, longer than the {warning} that the RPO allows",
            "schedule more often, or allow more"));
    }

    /// <summary>
    /// The longest time without an occurrence, if it exceeds the limit. Leaps from the last occurrence within the limit to the next such one:
    /// a gap longer than the limit always begins where a leap ends, and a schedule of every minute costs no more than a daily one.
    /// </summary>
    private static TimeSpan? LongestGap(CronSchedule[] crons, TimeSpan limit, TimeZoneInfo zone, DateTimeOffset now)
    {
        TimeSpan? longest = null;
        var at = Next(now);
        while (at is { } from && from < now + Horizon)
        {
            at = crons.Max(cron => cron.GetPreviousOccurrence(from + limit, zone));
            if (at > from)
                continue;
            at = Next(from);
            if (at - from is { } gap && (longest is null || gap > longest))
                longest = gap;
        }

        return longest;

        DateTimeOffset? Next(DateTimeOffset after) => crons.Min(cron => cron.GetNextOccurrence(after, zone));
    }

    private static ConfigurationProblem Warning(string key, string value, string problem, string mend) =>
        new(key, Line: 0, value, problem, mend, IsError: false);
}
