using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Scheduling;

public sealed class LateScheduleTests
{
    private static readonly DateTimeOffset Noon = new(2026, 2, 14, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    // now (minutes after 12:00) | added (h before) | last started (minutes after 12:00, NaN: never) | late
    [InlineData(34, 99, -1440, false)] // half an hour is given, and five minutes
    [InlineData(35, 99, double.NaN, true)]
    [InlineData(35, 99, -1440, true)] // yesterday's run is no excuse
    [InlineData(35, 99, 0, false)]
    [InlineData(35, 99, 30, false)] // late, but it started
    [InlineData(1474, 99, 0, false)] // until the next one is late
    [InlineData(1475, 99, 0, true)]
    [InlineData(35, -0.1, double.NaN, false)] // the source came after it was due
    public void A_schedule_is_late_when_it_was_due_and_has_not_started_since(double now, double added, double started, bool late)
    {
        Schedule[] schedules = [new("daily", CronSchedule.Parse("0 12 * * *"), BackupType.Full)];

        var found = LateSchedule.Find(schedules, Noon.AddHours(-added), _ => double.IsNaN(started) ? null : Noon.AddMinutes(started), Noon.AddMinutes(now), TimeZoneInfo.Utc);

        Assert.Equal(late, found is not null);
    }

    [Fact]
    public void Of_several_the_one_that_is_late_for_longest_is_told()
    {
        Schedule[] schedules = [new("hourly", CronSchedule.Parse("0 * * * *"), BackupType.Full), new("daily", CronSchedule.Parse("0 2 * * *"), BackupType.Full)];

        var found = LateSchedule.Find(schedules, Noon.AddDays(-9), _ => null, Noon, TimeZoneInfo.Utc);

        Assert.Equal(("daily", Noon.AddHours(-10)), (found!.Value.Schedule.Name, found.Value.Due));
    }
}
