using NexusBackupAgent.Configuration;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Tests.Scheduling;

public class CronExpressionTests
{
    [Theory]
    // the number of fields
    [InlineData("", "has 0 fields: write 5 (minute hour day-of-month month day-of-week), 6 with seconds first, or one of @yearly")]
    [InlineData("0 2 * *", "has 4 fields")]
    [InlineData("0 0 2 * * * 2026", "has 7 fields")]
    // macros
    [InlineData("@fortnightly", "macro at column 1: '@fortnightly' is unknown; write one of @yearly")]
    [InlineData("@every_second", "macro at column 1: '@every_second' is unknown")]
    [InlineData(" @", "macro at column 2: '@' is unknown")]
    // each field, with its column and what is allowed
    [InlineData("60 0 2 * * *", "second field at column 1: '60' is not allowed; write 0 to 59, *, a range such as 1-5, a step such as */2")]
    [InlineData("60 2 * * *", "minute field at column 1: '60' is not allowed; write 0 to 59")]
    [InlineData("0 24 * * *", "hour field at column 3: '24' is not allowed; write 0 to 23")]
    [InlineData("0  4  0 * *", "day-of-month field at column 7: '0' is not allowed; write 1 to 31")]
    [InlineData("0 4 32 * *", "day-of-month field at column 5: '32'")]
    [InlineData("0 4 1 13 *", "month field at column 7: '13' is not allowed; write 1 to 12 or JAN to DEC")]
    [InlineData("0 4 1 * 8", "day-of-week field at column 9: '8' is not allowed; write 0 to 7 (0 and 7 are Sunday) or SUN to SAT")]
    // the column of the item, not only of its field
    [InlineData("0,15,75 * * * *", "minute field at column 6: '75'")]
    [InlineData("0 8-25 * * *", "hour field at column 5: '25'")]
    [InlineData("0 2 * * mon,xyz", "day-of-week field at column 13: 'xyz'")]
    [InlineData("0 2 * * monday", "day-of-week field at column 9: 'monday'")]
    [InlineData("0 2 * mon *", "month field at column 7: 'mon'")]
    // steps
    [InlineData("*/0 * * * *", "minute field at column 3: a step of 0 is not allowed; write 1 to 59")]
    [InlineData("*/90 * * * *", "minute field at column 3: a step of 90 is not allowed; write 1 to 59")]
    // what is not written like that
    [InlineData("1- * * * *", "minute field at column 1: '1-'")]
    [InlineData("1,,2 * * * *", "minute field at column 3: ''")]
    [InlineData("-1 * * * *", "minute field at column 1: '-1'")]
    [InlineData("99999999999 * * * *", "minute field at column 1: '99999999999'")]
    [InlineData("0 4 L * *", "day-of-month field at column 5: 'L'")]
    [InlineData("0 4 ? * 1", "day-of-month field at column 5: '?'")]
    [InlineData("0 4 * * 5#3", "day-of-week field at column 9: '5#3'")]
    [InlineData("H 4 * * *", "minute field at column 1: 'H'")]
    [InlineData("0 0 * * */7", "day-of-week field at column 11: a step of 7 is not allowed; write 1 to 6")]
    [InlineData("٣ * * * *", "minute field at column 1")]
    public void A_wrong_expression_is_refused_with_field_column_and_what_is_allowed(string expression, string expected)
    {
        var refused = Assert.Throws<WrongTextException>(() => CronSchedule.Parse(expression));

        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Theory]
    // names, in any case
    [InlineData("0 0 * jan,DEC Mon-fri", "0 0 * 1,12 1-5")]
    // Sunday
    [InlineData("0 0 * * 7", "0 0 * * 0")]
    [InlineData("0 0 * * 7", "0 0 * * SUN")]
    [InlineData("0 0 * * 5-7", "0 0 * * 0,5,6")]
    [InlineData("0 0 * * 7-2", "0 0 * * 0-2")]
    [InlineData("0 0 * * 0-7", "0 0 * * *")]
    [InlineData("0 0 * * 7/2", "0 0 * * 0,2,4,6")]
    [InlineData("0 0 * * 7-2/2", "0 0 * * 0,2")]
    [InlineData("0 0 * * 1/2", "0 0 * * 1,3,5")]
    [InlineData("0 0 * * 7-7", "0 0 * * 0")]
    // steps
    [InlineData("*/15 * * * *", "0,15,30,45 * * * *")]
    [InlineData("5/15 * * * *", "5,20,35,50 * * * *")]
    [InlineData("5-30/10 * * * *", "5,15,25 * * * *")]
    [InlineData("0 0 */10 * *", "0 0 1,11,21,31 * *")]
    // * in a list, and zeros in front
    [InlineData("0 0 * 1,* *", "0 0 * * *")]
    [InlineData("0 0 * *,1 *", "0 0 * * *")]
    [InlineData("000 0002 * * *", "0 2 * * *")]
    // a range that ends below its start goes on past the end
    [InlineData("0 22-2 * * *", "0 0,1,2,22,23 * * *")]
    [InlineData("45-15/10 * * * *", "45,55,5,15 * * * *")]
    [InlineData("0 0 * nov-feb *", "0 0 * 1,2,11,12 *")]
    [InlineData("0 0 * * fri-mon", "0 0 * * 0,1,5,6")]
    // macros, in any case
    [InlineData("@yearly", "0 0 1 1 *")]
    [InlineData("@annually", "0 0 1 1 *")]
    [InlineData("@monthly", "0 0 1 * *")]
    [InlineData("@weekly", "0 0 * * 0")]
    [InlineData("@daily", "0 0 * * *")]
    [InlineData("@Midnight", "0 0 * * *")]
    [InlineData("@hourly", "0 * * * *")]
    [InlineData("@every_minute", "* * * * *")]
    // seconds and blanks
    [InlineData("0 30 4 * * *", "30 4 * * *")]
    [InlineData("  30\t4  * * * ", "30 4 * * *")]
    public void Two_ways_of_writing_a_schedule_mean_the_same(string one, string other)
    {
        Assert.Equal(CronText.Read(other).Calendar, CronText.Read(one).Calendar);
    }

    [Fact]
    public void Every_range_with_every_step_of_hours_and_weekdays_names_what_counting_names()
    {
        for (var from = 0; from <= 23; from++)
        {
            for (var to = 0; to <= 23; to++)
            {
                for (var step = 1; step <= 23; step++)
                    AssertSame($"0 {from}-{to}/{step} * * *", $"0 {Counted(from, to, step, size: 24)} * * *");
            }
        }

        for (var step = 1; step <= 6; step++)
        {
            AssertSame($"0 0 * * */{step}", $"0 0 * * {Counted(0, 6, step, size: 7)}");
            for (var from = 0; from <= 7; from++)
            {
                AssertSame($"0 0 * * {from}/{step}", $"0 0 * * {Counted(from % 7, 6, step, size: 7)}");
                for (var to = 0; to <= 7; to++)
                    AssertSame($"0 0 * * {from}-{to}/{step}", $"0 0 * * {Counted(from == 7 && to != 7 ? 0 : from, to, step, size: 7)}");
            }
        }

        static void AssertSame(string one, string other) =>
            Assert.True(CronText.Read(one).Calendar == CronText.Read(other).Calendar, one);
    }

    [Theory]
    // fixed times of day
    [InlineData("0 2 * * *", false)]
    [InlineData("0,30 1,2 * * *", false)]
    [InlineData("0 30 1 */2 1-3 *", false)]
    [InlineData("@daily", false)]
    // *, a range or a step in seconds, minutes or hours
    [InlineData("30 * * * *", true)]
    [InlineData("*/10 1 * * *", true)]
    [InlineData("0 1-3 * * *", true)]
    [InlineData("0 0/6 * * *", true)]
    [InlineData("* 30 1 * * *", true)]
    [InlineData("@hourly", true)]
    public void An_interval_has_a_star_a_range_or_a_step_in_its_time_of_day(string expression, bool isInterval) =>
        Assert.Equal(isInterval, CronText.Read(expression).IsInterval);

    [Theory]
    [InlineData("0 2 * * *")]
    [InlineData("@daily")]
    public void A_schedule_shows_itself_as_it_was_written(string expression) =>
        Assert.Equal(expression, CronSchedule.Parse(expression).ToString());

    /// <summary>A list of the values from one on, past the end of the field if the other is lower.</summary>
    private static string Counted(int from, int to, int step, int size) =>
        string.Join(',', Enumerable.Range(from, (to >= from ? to : to + size) - from + 1).Where((_, index) => index % step == 0).Select(value => value % size));
}
