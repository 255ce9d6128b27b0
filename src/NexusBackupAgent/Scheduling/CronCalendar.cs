namespace NexusBackupAgent.Scheduling;

/// <summary>The local times that a cron expression names, without any zone. All values are whole seconds.</summary>
internal sealed record CronCalendar(
    CronValues Seconds,
    CronValues Minutes,
    CronValues Hours,
    CronValues DaysOfMonth,
    CronValues Months,
    CronValues DaysOfWeek)
{
    /// <summary>A 29 February on a given weekday is at most 40 years away (over 2100, no leap year); what is not within 50 never comes.</summary>
    private const int HorizonYears = 50;

    /// <summary>The first named time at or after <paramref name="local"/>; null: none.</summary>
    public DateTime? AtOrAfter(DateTime local)
    {
        var day = local.Date;
        if (Matches(day) && TimeAtOrAfter(local) is { } time)
            return day + time;
        return DayAfter(day) is { } next ? next + new TimeSpan(Hours.First, Minutes.First, Seconds.First) : null;
    }

    /// <summary>The last named time at or before <paramref name="local"/>; null: none.</summary>
    public DateTime? AtOrBefore(DateTime local)
    {
        var day = local.Date;
        if (Matches(day) && TimeAtOrBefore(local) is { } time)
            return day + time;
        return DayBefore(day) is { } previous ? previous + new TimeSpan(Hours.Last, Minutes.Last, Seconds.Last) : null;
    }

    private bool Matches(DateTime day) =>
        Months.Contains(day.Month) && DaysOfMonth.Contains(day.Day) && DaysOfWeek.Contains((int)day.DayOfWeek);

    private DateTime? DayAfter(DateTime day)
    {
        var end = day.Year + HorizonYears < DateTime.MaxValue.Year ? day.AddYears(HorizonYears) : DateTime.MaxValue.Date;
        while (day < end)
        {
            day = Months.Contains(day.Month) ? day.AddDays(1) : FirstOfMonth(day).AddMonths(1);
            if (Matches(day))
                return day;
        }

        return null;
    }

    private DateTime? DayBefore(DateTime day)
    {
        var end = day.Year - HorizonYears > 1 ? day.AddYears(-HorizonYears) : DateTime.MinValue;
        while (day > end)
        {
            day = (Months.Contains(day.Month) ? day : FirstOfMonth(day)).AddDays(-1);
            if (Matches(day))
                return day;
        }

        return null;
    }

    private static DateTime FirstOfMonth(DateTime day) => day.AddDays(1 - day.Day);

    /// <summary>Hour, minute and second like the digits of a number: the next value of the last digit that can still grow, then the lowest.</summary>
    private TimeSpan? TimeAtOrAfter(DateTime local)
    {
        if (Hours.Contains(local.Hour))
        {
            if (Minutes.Contains(local.Minute) && Seconds.AtOrAfter(local.Second) is { } second)
                return new TimeSpan(local.Hour, local.Minute, second);
            if (Minutes.AtOrAfter(local.Minute + 1) is { } minute)
                return new TimeSpan(local.Hour, minute, Seconds.First);
        }

        return Hours.AtOrAfter(local.Hour + 1) is { } hour ? new TimeSpan(hour, Minutes.First, Seconds.First) : null;
    }

    private TimeSpan? TimeAtOrBefore(DateTime local)
    {
        if (Hours.Contains(local.Hour))
        {
            if (Minutes.Contains(local.Minute) && Seconds.AtOrBefore(local.Second) is { } second)
                return new TimeSpan(local.Hour, local.Minute, second);
            if (Minutes.AtOrBefore(local.Minute - 1) is { } minute)
                return new TimeSpan(local.Hour, minute, Seconds.Last);
        }

        return Hours.AtOrBefore(local.Hour - 1) is { } hour ? new TimeSpan(hour, Minutes.Last, Seconds.Last) : null;
    }
}
