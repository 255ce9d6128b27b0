using FsCheck;
using FsCheck.Fluent;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>What holds for every expression, zone and instant.</summary>
public class CronScheduleProperties
{
    private static readonly DateTimeOffset Begin = new(2024, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly TimeZoneInfo[] Zones =
    [
        TimeZoneInfo.Utc,
        .. new[]
        {
            "Asia/Tokyo", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Santiago",
            "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Chatham",
        }.Select(TimeZoneInfo.FindSystemTimeZoneById),
    ];

    [Fact]
    public void Following_the_next_occurrences_time_only_grows_and_the_way_back_is_the_same() => Check(asked =>
    {
        var from = asked.At;
        for (var i = 0; i < 50 && asked.Schedule.GetNextOccurrence(from, asked.Zone) is { } next; i++)
        {
            if (next <= from
                || asked.Schedule.GetPreviousOccurrence(next, asked.Zone) != next
                || asked.Schedule.GetPreviousOccurrence(next.AddTicks(-1), asked.Zone) is { } previous && previous > from
                || i > 0 && asked.Schedule.GetPreviousOccurrence(next.AddTicks(-1), asked.Zone) != from)
                return false;
            from = next;
        }

        return true;
    });

    [Fact]
    public void Between_an_instant_and_its_next_occurrence_there_is_none() => Check(asked =>
        asked.Schedule.GetNextOccurrence(asked.At, asked.Zone) is not { } next
        || asked.Schedule.GetNextOccurrence(asked.At + ((next - asked.At) / 2), asked.Zone) == next);

    /// <summary>Minute by minute over a change of the clocks, comparing the wall clock with itself. (TimeZoneInfo.IsInvalidTime and IsAmbiguousTime do not know Morocco's changes.)</summary>
    [Fact]
    public void Around_a_change_of_the_clocks_the_occurrences_are_those_that_counting_every_minute_finds() => Check(asked =>
    {
        var begin = ChangeAfter(asked.At, asked.Zone).AddHours(-4);
        var found = new List<DateTimeOffset>();
        for (var next = asked.Schedule.GetNextOccurrence(begin, asked.Zone); next < begin.AddHours(8); next = asked.Schedule.GetNextOccurrence(next.Value, asked.Zone))
            found.Add(next.Value);

        return found.SequenceEqual(Enumerable.Range(1, (8 * 60) - 1)
            .Select(minute => begin.AddMinutes(minute))
            .Where(minute => Happens(minute, asked)));
    });

    private static bool Happens(DateTimeOffset minute, Asked asked)
    {
        var (calendar, isInterval) = CronExpression.Parse(asked.Schedule.ToString());
        var local = Local(minute, asked.Zone);
        for (var skipped = Local(minute.AddMinutes(-1), asked.Zone).AddMinutes(1); skipped < local; skipped = skipped.AddMinutes(1))
        {
            if (calendar.AtOrAfter(skipped) == skipped)
                return true;
        }

        var isRepeat = Enumerable.Range(1, 180).Any(ago => Local(minute.AddMinutes(-ago), asked.Zone) == local);
        return calendar.AtOrAfter(local) == local && (isInterval || !isRepeat);
    }

    private static DateTime Local(DateTimeOffset instant, TimeZoneInfo zone) => TimeZoneInfo.ConvertTime(instant, zone).DateTime;

    private static DateTimeOffset ChangeAfter(DateTimeOffset at, TimeZoneInfo zone)
    {
        var hour = new DateTimeOffset(at.Year, at.Month, at.Day, at.Hour, 0, 0, TimeSpan.Zero);
        for (var i = 0; i < 24 * 300 && zone.GetUtcOffset(hour) == zone.GetUtcOffset(hour.AddHours(1)); i++)
            hour = hour.AddHours(1);
        return hour;
    }

    private static void Check(Func<Asked, bool> holds) =>
        Prop.ForAll(Arb.From(Questions()), holds).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    private static Gen<Asked> Questions() =>
        from minute in Gen.Elements("0", "30", "15,45", "*", "*/15", "7-50/11", "59")
        from hour in Gen.Elements("*", "0", "1", "2", "3", "2,3", "1-3", "*/2", "22-2", "23")
        from day in Gen.Elements("*", "*", "*", "*/2", "1", "29", "31", "25-31")
        from month in Gen.Elements("*", "*", "*", "3,10", "2", "apr-nov")
        from weekday in Gen.Elements("*", "*", "*", "0", "7", "mon-fri")
        from zone in Gen.Elements(Zones)
        from seconds in Gen.Choose(0, 3 * 366 * 86400)
        from ticks in Gen.Elements(0, 1, 9_999_999)
        select new Asked(CronSchedule.Parse($"{minute} {hour} {day} {month} {weekday}"), zone, Begin.AddSeconds(seconds).AddTicks(ticks));

    private sealed record Asked(CronSchedule Schedule, TimeZoneInfo Zone, DateTimeOffset At)
    {
        public override string ToString() => $"{Schedule} in {Zone.Id} at {At:O}";
    }
}
