namespace NexusBackupAgent.Scheduling;

/// <summary>A parsed cron expression. Immutable; the caller supplies instant and zone.</summary>
/// <remarks>
/// <para>
/// Five fields (minute, hour, day of month, month, day of week), or six with seconds first, or a macro such as
/// <c>@daily</c>. When day of month and day of week are both restricted, both must match: <c>0 0 13 * 5</c> is
/// Friday the thirteenth.
/// </para>
/// <para>
/// When the clocks go forward, an occurrence whose local time is skipped happens at the first instant after the jump.
/// When they go back, an occurrence in the repeated hour happens once, in the first pass; an interval expression
/// (<c>*</c>, a range or a step in its seconds, minutes or hours) happens in both passes.
/// </para>
/// </remarks>
internal sealed class CronSchedule
{
    /// <summary>No zone is further from UTC than this, so local time tells UTC to within it.</summary>
    private static readonly TimeSpan LargestOffset = TimeSpan.FromHours(14);

    /// <summary>Room at both ends of the calendar for offsets and windows.</summary>
    private static readonly DateTime Earliest = DateTime.MinValue.AddYears(1);
    private static readonly DateTime Latest = DateTime.MaxValue.AddYears(-1);

    private readonly string expression;
    private readonly CronCalendar calendar;
    private readonly bool isInterval;

    private CronSchedule(string expression, CronCalendar calendar, bool isInterval)
    {
        this.expression = expression;
        this.calendar = calendar;
        this.isInterval = isInterval;
    }

    /// <exception cref="FormatException">The expression is wrong; the message names the field, the position (1-based column) and what is allowed.</exception>
    public static CronSchedule Parse(string expression)
    {
        var (calendar, isInterval) = CronExpression.Parse(expression);
        return new CronSchedule(expression, calendar, isInterval);
    }

    /// <summary>The first occurrence strictly after <paramref name="after"/>, in UTC; null if there is none within 50 years.</summary>
    public DateTimeOffset? GetNextOccurrence(DateTimeOffset after, TimeZoneInfo zone)
    {
        var from = Max(WholeSecond(Min(after.UtcDateTime, Latest)).AddSeconds(1), Earliest);
        while (from < Latest && calendar.AtOrAfter(from - LargestOffset) is { } nearest)
        {
            from = Max(from, nearest - LargestOffset);
            var period = ZonePeriod.At(from, zone);
            if (from == period.Start && FallsIntoGap(period))
                return Utc(period.Start);

            var local = Max(from + period.Offset, FirstLocalTime(period));
            if (calendar.AtOrAfter(local) is { } next && next - period.Offset < period.End)
                return Utc(next - period.Offset);
            from = period.End;
        }

        return null;
    }

    /// <summary>The last occurrence at or before <paramref name="at"/>, in UTC; null if there is none within 50 years.</summary>
    public DateTimeOffset? GetPreviousOccurrence(DateTimeOffset at, TimeZoneInfo zone)
    {
        var from = Min(WholeSecond(at.UtcDateTime), Latest);
        while (from > Earliest && calendar.AtOrBefore(from + LargestOffset) is { } nearest)
        {
            from = Min(from, nearest + LargestOffset);
            var period = ZonePeriod.At(from, zone);
            if (calendar.AtOrBefore(from + period.Offset) is { } previous && previous >= FirstLocalTime(period))
                return Utc(previous - period.Offset);
            if (FallsIntoGap(period))
                return Utc(period.Start);
            from = period.Start.AddSeconds(-1);
        }

        return null;
    }

    /// <summary>The expression as it was written.</summary>
    public override string ToString() => expression;

    /// <summary>Whether an occurrence lies in the local times that were skipped when the period began.</summary>
    private bool FallsIntoGap(ZonePeriod period) =>
        calendar.AtOrAfter(period.Start + period.OffsetBefore) is { } skipped && skipped < period.Start + period.Offset;

    /// <summary>Where the period's local times begin to count: what the period before had already is for intervals only.</summary>
    private DateTime FirstLocalTime(ZonePeriod period) =>
        period.Start + (isInterval ? period.Offset : TimeSpan.FromTicks(Math.Max(period.Offset.Ticks, period.OffsetBefore.Ticks)));

    private static DateTime WholeSecond(DateTime instant) => new(instant.Ticks - (instant.Ticks % TimeSpan.TicksPerSecond));

    private static DateTimeOffset Utc(DateTime instant) => new(instant.Ticks, TimeSpan.Zero);

    private static DateTime Max(DateTime one, DateTime other) => one > other ? one : other;

    private static DateTime Min(DateTime one, DateTime other) => one < other ? one : other;
}
