using System.Globalization;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

public sealed class SpareMemoryTests : IDisposable
{
    private const long Much = SpareMemory.Little;

    private readonly SpareMemory memory = new(new ManualClock(Some.Instant));

    public void Dispose() => memory.Dispose();

    [Fact]
    public void Memory_is_given_back_once_after_work_and_not_during_it()
    {
        Assert.False(memory.IsWorthReturning(Much)); // the start
        Assert.False(memory.IsWorthReturning(2 * Much)); // still at work
        Assert.True(memory.IsWorthReturning(2 * Much + 1));
        Assert.False(memory.IsWorthReturning(2 * Much + 2)); // given back already

        Assert.False(memory.IsWorthReturning(4 * Much)); // a run
        Assert.True(memory.IsWorthReturning(4 * Much));
    }

    [Fact]
    public void Little_that_is_used_again_and_again_is_given_back_when_it_has_become_much()
    {
        var looks = Enumerable.Range(1, 8).Select(look => memory.IsWorthReturning(look * Much / 4));

        Assert.Equal([false, false, false, true, false, false, false, true], looks);
    }

    [Fact]
    public async Task The_host_has_the_memory_of_past_work_again()
    {
        var resident = (await Child.RunAsync("return-memory")).Split('\n').Select(line => long.Parse(line, CultureInfo.InvariantCulture) / 1e6).ToList();

        Assert.InRange(resident[1] - resident[0], -10, 10); // at work a moment ago
        Assert.InRange(resident[1] - resident[2], 55, 75); // 32 MiB of the collector's, as much of glibc's
    }
}
