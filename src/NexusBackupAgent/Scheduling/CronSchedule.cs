using Cronos;

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
/// <para>
/// Cronos is asked for local times only, without a zone. With one it relies on TimeZoneInfo.IsInvalidTime and
/// IsAmbiguousTime, which don't know the clock changes of Dublin and Casablanca: there it skips occurrences, gives others at
/// wrong local times, and can return the instant that it was asked about. The offset at an instant is right in every zone,
/// so that is all that a zone is asked for here.
/// </para>
/// </remarks>
internal sealed class CronSchedule
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>More than two local times of the same instant differ anywhere (26 hours), and less than lies between two clock changes.</summary>
    private static readonly TimeSpan Reach = TimeSpan.FromHours(30);

    /// <summary>
    /// Nothing happens before or after: Cronos, and the step from local time to UTC, fail at the ends of the calendar.
    /// The rarest date, a 29 February on a given weekday, leaves out at most 40 years.
    /// </summary>
    private static readonly DateTime Earliest = DateTime.MinValue.AddYears(1);
    private static readonly DateTime Latest = DateTime.MaxValue.AddYears(-100);

    private readonly string expression;
    private readonly CronExpression calendar;
    private readonly bool isInterval;

    /// <summary>Between the first two occurrences there are: where the search for the previous one begins. Null: it never happens.</summary>
    private readonly TimeSpan? rhythm;

    private CronSchedule(string expression, CronExpression calendar, bool isInterval)
    {
        this.expression = expression;
        this.calendar = calendar;
        this.isInterval = isInterval;
        rhythm = LocalAtOrAfter(Earliest) is { } first && LocalAtOrAfter(first + Second) is { } second ? second - first : null;
    }

    /// <summary>Whether days of the month and days of the week are both named, so that a day has to be both. A week of the month (<c>1-7</c>) is meant so, and does not count.</summary>
    public bool RestrictsBothDays { get; private init; }

    /// <exception cref="FormatException">The expression is wrong; the message names the field, the position (1-based column) and what is allowed.</exception>
    public static CronSchedule Parse(string expression)
    {
        var (calendar, isInterval, restrictsBothDays) = CronText.Read(expression);
        return new CronSchedule(expression, calendar, isInterval) { RestrictsBothDays = restrictsBothDays };
    }

    /// <summary>The first occurrence strictly after <paramref name="after"/>, in UTC; null: none.</summary>
    public DateTimeOffset? GetNextOccurrence(DateTimeOffset after, TimeZoneInfo zone)
    {
        var from = Max(WholeSecond(Min(after.UtcDateTime, Latest)) + Second, Earliest);
        while (rhythm is not null && from < Latest)
        {
            var (before, offset) = (OffsetAt(from - Second, zone), OffsetAt(from, zone));
            if (before < offset && LocalAtOrAfter(from + before) < from + offset)
                return Utc(from); // Its local time is among those that are skipped here.
            if (LocalAtOrAfter(from + offset) - offset is not { } next || next >= Latest)
                return null;

            var end = Min(next, from + Reach);
            if (OffsetAt(end, zone) != offset)
                from = ClockChange(from, end, zone);
            else if (end < next)
                from = Max(end, next - Reach);
            else if (isInterval || !IsRepeated(next, zone))
                return Utc(next);
            else
                from = next + Second;
        }

        return null;
    }

    /// <summary>The last occurrence at or before <paramref name="at"/>, in UTC; null: none.</summary>
    /// <remarks>Searched for with <see cref="GetNextOccurrence"/>: Cronos's own search gives dates outside the named months.</remarks>
    public DateTimeOffset? GetPreviousOccurrence(DateTimeOffset at, TimeZoneInfo zone)
    {
        if (rhythm is not { } back)
            return null;
        DateTimeOffset? found = null;
        for (var early = at.ToUniversalTime(); found is null && early > DateTimeOffset.MinValue; back *= 2)
        {
            early = new DateTimeOffset(Math.Max(0, early.UtcTicks - back.Ticks), TimeSpan.Zero);
            found = NextUpTo(early);
        }

        // Nothing happens after late, so each round halves what is left.
        for (var late = at; found is { } last && NextUpTo(last) is { } following;)
        {
            var middle = following + ((late - following) / 2);
            if (NextUpTo(middle) is { } later)
                found = later;
            else
                (found, late) = (following, middle);
        }

        return found;

        DateTimeOffset? NextUpTo(DateTimeOffset after) => GetNextOccurrence(after, zone) is { } next && next <= at ? next : null;
    }

    /// <summary>The expression as it was written.</summary>
    public override string ToString() => expression;

    private DateTime? LocalAtOrAfter(DateTime local) =>
        calendar.GetNextOccurrence(DateTime.SpecifyKind(local, DateTimeKind.Utc), inclusive: true);

    /// <summary>Whether the clocks went back over this local time, so that it was there before.</summary>
    private static bool IsRepeated(DateTime instant, TimeZoneInfo zone)
    {
        var (offset, before) = (OffsetAt(instant, zone), OffsetAt(instant - Reach, zone));
        return before > offset && OffsetAt(instant + offset - before, zone) == before;
    }

    /// <summary>The first second at which the offset is not that of <paramref name="from"/>, up to <paramref name="end"/>, where it is another.</summary>
    private static DateTime ClockChange(DateTime from, DateTime end, TimeZoneInfo zone)
    {
        var offset = OffsetAt(from, zone);
        while (end - from > Second)
        {
            var middle = WholeSecond(from + ((end - from) / 2));
            if (OffsetAt(middle, zone) == offset)
                from = middle;
            else
                end = middle;
        }

        return end;
    }

    /// <summary>Local time minus UTC.</summary>
    private static TimeSpan OffsetAt(DateTime instant, TimeZoneInfo zone) => zone.GetUtcOffset(Utc(instant));

    private static DateTime WholeSecond(DateTime instant) => new(instant.Ticks - (instant.Ticks % TimeSpan.TicksPerSecond));

    private static DateTimeOffset Utc(DateTime instant) => new(instant.Ticks, TimeSpan.Zero);

    private static DateTime Max(DateTime one, DateTime other) => one > other ? one : other;

    private static DateTime Min(DateTime one, DateTime other) => one < other ? one : other;
}
