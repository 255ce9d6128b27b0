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
        var path = KeyPath.Join("sources", source.Name);
        (string Key, CronSchedule Cron)[] crons =
        [
            .. source.Schedules.Select(schedule => (KeyPath.Join(path, "schedules", schedule.Name, "cron"), schedule.Cron)),
            (KeyPath.Join(path, "verify", "cron"), source.Verify.Cron), (KeyPath.Join(path, "drill", "cron"), source.Drill.Cron),
        ];
        foreach (var (key, cron) in crons)
        {
            if (cron.GetNextOccurrence(now, zone) is null)
                yield return Warning(key, cron.ToString(), "never happens", "write a day that exists");
            else if (cron.RestrictsBothDays)
                yield return Warning(key, cron.ToString(), "happens only on days that match both, day of month and day of week", "write * in one of the two; for either, write two schedules");
        }

        if (source.Schedules.Count > 0 && LongestGap([.. source.Schedules.Select(schedule => schedule.Cron)], source.Rpo.Warning + Grace, zone, now) is { } gap)
        {
            var (longest, warning) = (DurationText.Format(Rounded(gap)), DurationText.Format(source.Rpo.Warning));
            yield return Warning(KeyPath.Join(path, "rpo", "warning"), warning,
                $"the schedules leave up to {longest} between two backups, longer than the {warning} that the RPO allows",
                "schedule more often, or allow more");
        }
    }

    /// <summary>
    /// The longest time without an occurrence, if it exceeds the limit. Leaps from the last occurrence within the limit to the next such one:
    /// a gap longer than the limit always begins where a leap ends, and a schedule of every minute costs no more than a daily one.
    /// </summary>
    private static TimeSpan? LongestGap(CronSchedule[] crons, TimeSpan limit, TimeZoneInfo zone, DateTimeOffset now)
    {
        var at = Next(now);
        var longest = at - now is { } first && first > Horizon ? first : (TimeSpan?)null; // nothing at all within the year
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

    /// <summary>To what a person counts in: a gap from now on begins at any second.</summary>
    private static TimeSpan Rounded(TimeSpan gap) => gap > TimeSpan.FromDays(2)
        ? TimeSpan.FromDays(Math.Ceiling(gap.TotalDays))
        : TimeSpan.FromMinutes(Math.Ceiling(gap.TotalMinutes));

    private static ConfigurationProblem Warning(string key, string value, string problem, string mend) =>
        new(key, Line: 0, value, problem, mend, IsError: false);
}
