using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

public sealed class WorkLinesTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly TaskCompletionSource answer = new();
    private readonly WorkLines lines;

    public WorkLinesTests() => lines = new WorkLines(places: 2, TimeSpan.FromMinutes(10), clock);

    public void Dispose()
    {
        answer.TrySetResult();
        lines.WhenIdleAsync().GetAwaiter().GetResult();
        lines.Dispose();
    }

    [Fact]
    public async Task What_hangs_keeps_nobody_waiting_who_does_not_share_its_places()
    {
        foreach (var source in Enumerable.Range(0, 16))
            lines.Enqueue($"dead{source}", "dead", "upkeep", () => answer.Task);
        var other = new TaskCompletionSource();
        lines.Enqueue("other", "local", "upkeep", () =>
        {
            other.SetResult();
            return Task.CompletedTask;
        });

        await other.Task.WaitAsync(TimeSpan.FromMinutes(3));
    }

    [Fact]
    public async Task Of_those_that_share_places_no_more_work_at_once_until_one_has_hung_for_the_patience()
    {
        var begun = 0;
        foreach (var source in Enumerable.Range(0, 3))
        {
            lines.Enqueue($"source{source}", "local", "upkeep", () =>
            {
                Interlocked.Increment(ref begun);
                return answer.Task;
            });
        }

        await Eventually.TrueAsync(() => begun == 2 && clock.IsAwaited(TimeSpan.FromMinutes(10)), "two are at work");
        Assert.Equal(2, begun);
        await Eventually.TrueAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromMinutes(10));
                return begun == 3;
            },
            "the third begins");
    }
}
