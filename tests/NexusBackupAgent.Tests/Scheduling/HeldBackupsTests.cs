using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>How many backups of a schedule its retention holds.</summary>
public sealed class HeldBackupsTests
{
    [Theory]
    [InlineData("0 2 * * *", "7d", 7)]
    [InlineData("0 3 * * 0", "4w", 4)]
    [InlineData("0 4 1 * *", "12mo", 12)]
    [InlineData("0 */6 * * *", "3d", 12)]
    [InlineData("0 2 * * 1-5", "7d", 5)]
    [InlineData("* * * * *", "1h", 60)]
    [InlineData("* * * * *", "7d", 7 * 24 * 60)] // more than are counted one by one
    [InlineData("0 2 * * 3", "1d", 0)] // the newest good one stays in any case
    [InlineData("0 0 29 2 *", "5y", 2)]
    [InlineData("0 2 * * *", "forever", 0)]
    public void It_holds_what_its_cron_expression_makes_in_its_period(string cron, string period, int count)
    {
        foreach (var zone in (string[])["UTC", "Asia/Tokyo", "America/New_York", "Australia/Sydney"])
        {
            var schedule = new ScheduleConfiguration("s", CronSchedule.Parse(cron), BackupType.Full, RetentionPeriod.Parse(period));
            Assert.Equal(count, schedule.RetentionIn(TimeZoneInfo.FindSystemTimeZoneById(zone)).Holds);
        }
    }
}
