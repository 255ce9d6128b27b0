using NexusBackupAgent.Configuration;
using NexusBackupAgent.Tests.Configuration;

namespace NexusBackupAgent.Tests.Scheduling;

public sealed class ScheduleCoverageTests
{
    private static readonly DateTimeOffset Now = new(2026, 2, 14, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("Asia/Tokyo", "24h", "0 2 * * *")]
    [InlineData("Europe/Berlin", "24h", "30 2 * * *")]
    [InlineData("America/New_York", "24h", "30 1 * * *")]
    [InlineData("Asia/Tokyo", "24h", "0 2 * * 0", "0 3 * * 1-6")]
    [InlineData("Asia/Tokyo", "7d", "0 3 * * 0")]
    [InlineData("Asia/Tokyo", "31d", "0 4 1 * *")]
    [InlineData("Asia/Tokyo", "1m", "* * * * *")]
    [InlineData("Asia/Tokyo", "1m", "0 * * * *")]
    public void Schedules_that_can_keep_the_rpo_are_no_problem(string zone, string rpo, params string[] crons) =>
        Assert.Empty(Check(zone, rpo, crons));

    [Theory]
    [InlineData("Asia/Tokyo", "24h", "7d", "0 3 * * 0")]
    [InlineData("Asia/Tokyo", "30d", "31d", "0 4 1 * *")]
    [InlineData("Asia/Tokyo", "24h", "48h", "0 2 * * 1-6")]
    [InlineData("Asia/Tokyo", "24h", "3d", "0 2 * * 1-5")]
    [InlineData("Asia/Tokyo", "6h", "14h", "0 8-18 * * *")]
    [InlineData("Asia/Tokyo", "24h", "48h", "0 2 * * 1-6", "0 4 1 * *")]
    [InlineData("Europe/Berlin", "22h", "25h", "0 12 * * *")]
    public void An_rpo_shorter_than_the_longest_gap_is_a_warning_with_both_numbers(string zone, string rpo, string gap, params string[] crons)
    {
        var only = Assert.Single(Check(zone, rpo, crons));

        Assert.False(only.IsError);
        Assert.Equal("sources.itsm.rpo.warning", only.Key);
        Assert.Contains($"up to {gap} ", only.Problem, StringComparison.Ordinal);
        Assert.Contains($"the {rpo} ", only.Problem, StringComparison.Ordinal);
        Assert.Contains("schedule more often", only.Mend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schedule_on_a_day_that_no_calendar_has_is_a_warning()
    {
        var only = Assert.Single(Check("Asia/Tokyo", "24h", "0 2 * * *", "0 2 31 2 *"));

        Assert.False(only.IsError);
        Assert.Equal(("sources.itsm.schedules.s1.cron", "0 2 31 2 *"), (only.Key, only.Value));
        Assert.Contains("never happens", only.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_that_is_backed_up_only_by_hand_has_no_gap_to_judge() =>
        Assert.Empty(Check("Asia/Tokyo", "24h"));

    private static IReadOnlyList<ConfigurationProblem> Check(string zone, string rpo, params string[] crons)
    {
        var schedules = crons.Select((cron, index) => $"s{index}: {{cron: \"{cron}\", retention: 7d}}").DefaultIfEmpty("{}");
        using var file = new SampleFile($"timeZone: {zone}\n{SampleFile.WithSchedules(string.Join('\n', schedules))}    rpo: {{warning: {rpo}, critical: 1000d}}\n");
        return ConfigurationFile.CheckCoverage(file.Load().Configuration!, Now);
    }
}
