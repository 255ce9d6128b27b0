using FsCheck;
using FsCheck.Fluent;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>What holds for every expression, zone and instant: read off the wall clock, second by second or minute by minute.</summary>
public class CronScheduleProperties
{
    private static readonly TimeZoneInfo[] Zones = [.. TimeZoneInfo.GetSystemTimeZones()];

    [Fact]
    public void Following_the_next_occurrences_time_only_grows_and_the_way_back_is_the_same() => Check(asked =>
    {
        var from = asked.At;
        for (var i = 0; i < 30 && asked.Next(from) is { } next; i++)
        {
            if (next <= from
                || asked.Previous(next) != next
                || asked.Previous(next.AddTicks(-1)) is { } previous && previous > from
                || i > 0 && asked.Previous(next.AddTicks(-1)) != from)
                return false;
            from = next;
        }

        return true;
    });

    [Fact]
    public void Between_two_occurrences_the_one_is_the_previous_and_the_other_the_next() => Check(asked =>
    {
        if (asked.Next(asked.At) is not { } one || asked.Next(one) is not { } other)
            return true;
        var between = one + ((other - one) * asked.Fraction);
        return asked.Previous(between) == one && asked.Next(between) == other;
    });

    [Fact]
    public void What_is_asked_for_earlier_comes_no_later() => Check(asked =>
    {
        var later = asked.At.AddDays(400 * asked.Fraction);
        return !(asked.Next(asked.At) > asked.Next(later)) && !(asked.Previous(asked.At) > asked.Previous(later));
    });

    [Fact]
    public void An_occurrence_has_a_local_time_that_the_expression_names_or_is_the_first_instant_after_a_gap() => Check(asked =>
    {
        if (asked.Next(asked.At) is not { } next)
            return true;
        var (local, before) = (Local(next, asked.Zone), Local(next.AddSeconds(-1), asked.Zone));
        return asked.Cron.Names(local) || local - before > TimeSpan.FromSeconds(1);
    });

    [Fact]
    public void No_occurrence_is_left_out_and_none_invented() => Check(asked =>
        OccurrencesAreWhatCountingFinds(asked with { Cron = asked.Cron.OnTheMinute() }, WholeHour(asked.At), hours: 48));

    [Theory]
    [InlineData("Europe/Dublin", 1975)] // winter is the daylight saving
    [InlineData("Africa/Casablanca", 1975)] // so is Ramadan
    [InlineData("Africa/El_Aaiun", 1975)]
    [InlineData("Australia/Lord_Howe", 1975)] // half an hour
    [InlineData("Pacific/Apia", 1975)] // a day left out
    [InlineData("Antarctica/Troll", 2005)] // two hours
    [InlineData("Europe/Berlin", 1975)]
    [InlineData("America/St_Johns", 1975)] // at one minute past midnight
    public void Around_every_change_of_the_clocks_the_occurrences_are_those_that_counting_finds(string zone, int year) =>
        CheckChanges(TimeZoneInfo.FindSystemTimeZoneById(zone), year, 2037);

    [Fact]
    public void Around_the_coming_changes_in_every_zone_of_the_machine_the_occurrences_are_those_that_counting_finds() =>
        Assert.All(Zones, zone => CheckChanges(zone, 2026, 2028));

    [Fact]
    public void Near_the_ends_of_the_calendar_it_says_nothing_wrong() => Check(asked =>
    {
        var inside = TimeSpan.FromDays(150 * 365 * asked.Fraction * asked.Fraction);
        return new[] { DateTimeOffset.MinValue + inside, DateTimeOffset.MaxValue - inside }.All(at =>
            !(asked.Next(at) <= at)
            && !(asked.Previous(at) > at)
            && (asked.Next(at) is not { } next || asked.Previous(next) == next)
            && (asked.Previous(at) is not { } previous || asked.Next(previous.AddTicks(-1)) == previous));
    });

    private static void CheckChanges(TimeZoneInfo zone, int fromYear, int toYear)
    {
        Cron[] crons =
        [
            new(Part.Zero, Part.Of("30", 30), Part.Any, Part.Any, Part.Any, Part.Any),
            new(Part.Zero, Part.Of("0,15,45", 0, 15, 45), Part.Of("0,1,2,3", 0, 1, 2, 3), Part.Any, Part.Any, Part.Any),
            new(Part.Zero, new("*/20", minute => minute % 20 == 0), Part.Of("0-3", 0, 1, 2, 3), Part.Any, Part.Any, Part.Of("0,6", 0, 6)),
            new(Part.Zero, Part.Zero, Part.Of("12", 12), Part.Any, Part.Any, Part.Any),
        ];
        foreach (var change in Changes(zone, fromYear, toYear))
        {
            foreach (var cron in crons)
            {
                var asked = new Asked(cron, zone, change, Fraction: 0);
                Assert.True(OccurrencesAreWhatCountingFinds(asked, change.AddHours(-4), hours: 8), asked.ToString());
            }
        }
    }

    /// <summary>
    /// Compares the wall clock with itself minute by minute. (TimeZoneInfo.IsInvalidTime and IsAmbiguousTime don't know the changes of Dublin and Morocco.)
    /// </summary>
    private static bool OccurrencesAreWhatCountingFinds(Asked asked, DateTimeOffset begin, int hours)
    {
        var end = begin.AddHours(hours);
        var found = new List<DateTimeOffset>();
        for (var next = asked.Next(begin); next < end; next = asked.Next(next.Value))
            found.Add(next.Value);

        var counted = new List<DateTimeOffset>();
        var seen = new HashSet<DateTime>();
        var minute = begin.AddHours(-25); // what is repeated lies no further back
        for (var last = Local(minute.AddMinutes(-1), asked.Zone); minute < end; minute = minute.AddMinutes(1))
        {
            var local = Local(minute, asked.Zone);
            var isFirst = seen.Add(local);
            var happens = asked.Cron.Names(local) && (isFirst || asked.Cron.IsInterval);
            for (var skipped = last.AddMinutes(1); skipped < local; skipped = skipped.AddMinutes(1))
                happens |= asked.Cron.Names(skipped);
            if (happens && minute > begin)
                counted.Add(minute);
            last = local;
        }

        return found.SequenceEqual(counted);
    }

    private static DateTime Local(DateTimeOffset instant, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(instant, zone).DateTime;

    private static DateTimeOffset WholeHour(DateTimeOffset at) => new(at.Year, at.Month, at.Day, at.Hour, 0, 0, TimeSpan.Zero);

    /// <summary>The hours in which the zone's offset changes.</summary>
    private static IEnumerable<DateTimeOffset> Changes(TimeZoneInfo zone, int fromYear, int toYear)
    {
        for (var hour = new DateTimeOffset(fromYear, 1, 1, 0, 0, 0, TimeSpan.Zero); hour.Year < toYear; hour = hour.AddHours(1))
        {
            if (zone.GetUtcOffset(hour) != zone.GetUtcOffset(hour.AddHours(1)))
                yield return hour;
        }
    }

    /// <summary>Half of the questions begin a few hours before a change of the clocks, if the year has one.</summary>
    private static DateTimeOffset At(TimeZoneInfo zone, int seconds, int ticks, bool atChange)
    {
        var any = new DateTimeOffset(1975, 1, 1, 0, 0, 0, TimeSpan.Zero).AddSeconds(seconds).AddTicks(ticks);
        return atChange && Changes(zone, any.Year, any.Year + 1).FirstOrDefault() is { Year: > 1 } change
            ? change.AddSeconds(-(seconds % 14_400)).AddTicks(ticks)
            : any;
    }

    /// <summary>The same questions each time: a failure is found again.</summary>
    private static void Check(Func<Asked, bool> holds) =>
        Prop.ForAll(Arb.From(Questions()), holds).Check(Config.QuickThrowOnFailure.WithMaxTest(1000).WithReplay(20261129, 1));

    private static Gen<Asked> Questions() =>
        from cron in Crons()
        from zone in Gen.Elements(Zones)
        from seconds in Gen.Choose(0, 62 * 365 * 86400)
        from ticks in Gen.Elements(0, 1, 9_999_999)
        from atChange in Gen.Elements(true, false)
        from thousandths in Gen.Choose(0, 999)
        select new Asked(cron, zone, At(zone, seconds, ticks, atChange), thousandths / 1000.0);

    private static Gen<Cron> Crons() =>
        from second in Gen.Elements(Part.Zero, Part.Zero, Part.Zero, Part.Any, Part.Of("0,59", 0, 59), new Part("5/20", value => value % 20 == 5))
        from minute in Gen.Elements(
            Part.Zero, Part.Of("30", 30), Part.Of("15,45", 15, 45), Part.Any, new Part("*/15", value => value % 15 == 0), Part.Of("7-50/11", 7, 18, 29, 40), Part.Of("59", 59))
        from hour in Gen.Elements(
            Part.Any, Part.Zero, Part.Of("1", 1), Part.Of("2", 2), Part.Of("3", 3), Part.Of("2,3", 2, 3), Part.Of("1-3", 1, 2, 3), new Part("*/2", value => value % 2 == 0), Part.Of("22-2", 22, 23, 0, 1, 2))
        from day in Gen.Elements(
            Part.Any, Part.Any, Part.Any, new Part("*/2", value => value % 2 == 1), Part.Of("1", 1), Part.Of("29", 29), Part.Of("31", 31), new Part("25-31", value => value >= 25))
        from month in Gen.Elements(Part.Any, Part.Any, Part.Any, Part.Of("3,10", 3, 10), Part.Of("2", 2), new Part("apr-nov", value => value is >= 4 and <= 11))
        from weekday in Gen.Elements(
            Part.Any, Part.Any, Part.Any, Part.Zero, Part.Of("7", 0), new Part("mon-fri", value => value is >= 1 and <= 5), Part.Of("7/2", 0, 2, 4, 6), Part.Of("1/2", 1, 3, 5), Part.Of("fri-sun", 5, 6, 0))
        select new Cron(second, minute, hour, day, month, weekday);

    /// <summary>A field, and which values it names.</summary>
    private sealed record Part(string Text, Func<int, bool> Names)
    {
        public static Part Zero { get; } = Of("0", 0);

        public static Part Any { get; } = new("*", _ => true);

        public static Part Of(string text, params int[] values) => new(text, values.Contains);
    }

    private sealed record Cron(Part Second, Part Minute, Part Hour, Part Day, Part Month, Part Weekday)
    {
        public CronSchedule Schedule { get; } = CronSchedule.Parse($"{Second.Text} {Minute.Text} {Hour.Text} {Day.Text} {Month.Text} {Weekday.Text}");

        public bool IsInterval => $"{Second.Text}{Minute.Text}{Hour.Text}".AsSpan().IndexOfAny("*-/") >= 0;

        public Cron OnTheMinute() => new(Part.Zero, Minute, Hour, Day, Month, Weekday);

        public bool Names(DateTime local) =>
            Second.Names(local.Second) && Minute.Names(local.Minute) && Hour.Names(local.Hour)
            && Day.Names(local.Day) && Month.Names(local.Month) && Weekday.Names((int)local.DayOfWeek);
    }

    private sealed record Asked(Cron Cron, TimeZoneInfo Zone, DateTimeOffset At, double Fraction)
    {
        public DateTimeOffset? Next(DateTimeOffset after) => Cron.Schedule.GetNextOccurrence(after, Zone);

        public DateTimeOffset? Previous(DateTimeOffset at) => Cron.Schedule.GetPreviousOccurrence(at, Zone);

        public override string ToString() => $"{Cron.Schedule} in {Zone.Id} at {At:O}, {Fraction}";
    }
}
