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
    public void It_looks_once_a_minute_where_nothing_is_left_to_give_back_and_sooner_after_work()
    {
        var waits = ((long[])[Much, Much + 1, Much + 2, 3 * Much, 3 * Much]).Select(allocated =>
        {
            memory.IsWorthReturning(allocated);
            return memory.UntilNextLook;
        });

        Assert.Equal([SpareMemory.Interval, SpareMemory.Rest, SpareMemory.Rest, SpareMemory.Interval, SpareMemory.Rest], waits);
    }

    [Fact]
    public void Of_the_program_only_what_nobody_changed_is_let_go_of()
    {
        string[] smaps =
        [
            "55d000001000-55d000003000 r-xp 00001000 fe:00 12  /usr/bin/nexus-backup", "Rss: 8 kB", "Anonymous:             0 kB", "VmFlags: rd ex",
            "55d000003000-55d000004000 r--p 00003000 fe:00 12  /usr/bin/nexus-backup", "Anonymous:             4 kB", // relocated
            "55d000004000-55d000005000 rw-p 00004000 fe:00 12  /usr/bin/nexus-backup", "Anonymous:             0 kB",
            "55d000005000-55d000007000 rw-p 00000000 00:00 0 ", "Anonymous:             0 kB",
            "7f0000000000-7f0000001000 r-xp 00000000 fe:00 13  /usr/lib/libc.so.6", "Anonymous:             0 kB",
            "7f0000002000-7f0000003000 r--s 00000000 fe:00 12  /usr/bin/nexus-backup", "Anonymous:             0 kB",
        ];

        Assert.Equal([(new nint(0x55d000001000), new nint(0x2000))], SpareMemory.Unchanged(smaps, "/usr/bin/nexus-backup"));
    }

    [Fact]
    public async Task The_host_has_the_memory_of_past_work_again()
    {
        var resident = (await Child.RunAsync("return-memory")).Split('\n').Select(line => long.Parse(line, CultureInfo.InvariantCulture) / 1e6).ToList();

        Assert.InRange(resident[1] - resident[0], -10, 10); // at work a moment ago
        Assert.InRange(resident[1] - resident[2], 55, 75); // 32 MiB of the collector's, as much of glibc's
    }
}
