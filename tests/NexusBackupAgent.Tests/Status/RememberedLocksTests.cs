using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Status;

/// <summary>A scrape asks for locks as seldom as it can, and hears within the hour that one was taken away.</summary>
public sealed class RememberedLocksTests
{
    [Fact]
    public async Task What_a_store_told_of_a_lock_counts_for_an_hour()
    {
        var (clock, store) = (new ManualClock(Some.Instant), new MemoryStore());
        using var bench = new Workbench(clock, store: store);
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        for (var day = 0; day < 3; day++)
        {
            Assert.Null((await bench.RunAsync()).Failure);
            clock.Advance(TimeSpan.FromDays(1));
        }

        clock.Advance(TimeSpan.FromDays(12));
        var until = clock.GetUtcNow().AddDays(30);
        store.Locking = _ => until;

        Assert.Equal((2, 0), await LookAsync());
        var asked = store.LocksAsked.Count;
        Assert.NotEqual(0, asked);
        store.Locking = _ => null; // somebody with the right to took them away
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal((2, 0), await LookAsync());
        Assert.Equal(asked, store.LocksAsked.Count);

        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal((0, 2), await LookAsync());
        Assert.Equal(2 * asked, store.LocksAsked.Count);
        Assert.Equal((0, 2), await LookAsync()); // that there is none counts as long
        Assert.Equal(2 * asked, store.LocksAsked.Count);

        async Task<(int Locked, int Overdue)> LookAsync()
        {
            var state = await (await bench.States.ReadOnceAsync(CancellationToken.None)).OfAsync(bench.Scheduled, CancellationToken.None);
            return (state.Locks.Count, state.Overdue);
        }
    }
}
