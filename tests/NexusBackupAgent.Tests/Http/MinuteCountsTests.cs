using NexusBackupAgent.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

/// <summary>So many in a minute, and nothing that wakes in between.</summary>
public sealed class MinuteCountsTests
{
    private readonly ManualClock clock = new(Some.Instant);

    [Fact]
    public void Each_one_may_so_often_in_a_minute_that_begins_with_the_first()
    {
        var counts = new MinuteCounts(most: 3, clock);
        for (var time = 0; time < 3; time++)
        {
            Assert.Equal(TimeSpan.Zero, counts.WaitOf("anna"));
            Assert.Equal(TimeSpan.Zero, counts.Count("anna"));
            clock.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Equal((TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30)), (counts.WaitOf("anna"), counts.Count("anna")));
        Assert.Equal(TimeSpan.Zero, counts.Count("otto"));
        clock.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromTicks(1));
        Assert.Equal(TimeSpan.FromTicks(1), counts.Count("anna"));
        clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(TimeSpan.Zero, counts.Count("anna"));
    }

    [Fact]
    public void A_clock_that_is_set_back_locks_nobody_out()
    {
        var counts = new MinuteCounts(most: 1, clock);
        counts.Count("anna");
        clock.SetWallClock(Some.Instant.AddHours(-5));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TimeSpan.Zero, counts.WaitOf("anna"));
    }

    [Fact]
    public void Those_of_before_are_forgotten()
    {
        var counts = new MinuteCounts(most: 1, clock);
        for (var minute = 0; minute < 20; minute++)
        {
            for (var address = 0; address < 100; address++)
                counts.Count($"{minute}.{address}");
            clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.InRange(counts.Known, 1, 400);
    }

    [Fact]
    public void After_a_quiet_minute_the_next_one_finds_nobody_of_before()
    {
        var counts = new MinuteCounts(most: 1, clock);
        for (var address = 0; address < 1000; address++)
            counts.Count($"{address}");
        Assert.Equal(1000, counts.Known);
        clock.Advance(TimeSpan.FromMinutes(1));
        counts.Count("anna");
        Assert.Equal(1, counts.Known);
    }
}
