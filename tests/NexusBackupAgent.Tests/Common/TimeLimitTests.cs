using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Common;

public sealed class TimeLimitTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly CancellationTokenSource caller = new();

    public void Dispose() => caller.Dispose();

    [Fact]
    public void It_stops_the_work_when_the_time_is_over_and_says_so()
    {
        using var limit = new TimeLimit(TimeSpan.FromSeconds(5), clock, caller.Token);
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal((false, false), (limit.Token.IsCancellationRequested, limit.IsExceeded));

        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((true, true), (limit.Token.IsCancellationRequested, limit.IsExceeded));
    }

    [Fact]
    public void A_caller_who_stops_the_work_hears_nothing_of_the_limit()
    {
        using var limit = new TimeLimit(TimeSpan.FromSeconds(5), clock, caller.Token);
        caller.Cancel();
        Assert.Equal((true, false), (limit.Token.IsCancellationRequested, limit.IsExceeded));

        clock.Advance(TimeSpan.FromSeconds(5));

        Assert.False(limit.IsExceeded);
    }
}
