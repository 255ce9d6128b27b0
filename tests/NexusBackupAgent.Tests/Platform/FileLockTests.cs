using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

public sealed class FileLockTests
{
    [Fact]
    public void One_holds_it_at_a_time()
    {
        using var temp = new TempDirectory();
        using (var first = FileLock.TryAcquire(temp["a.lock"]))
        {
            Assert.NotNull(first);
            Assert.Null(FileLock.TryAcquire(temp["a.lock"]));
        }

        using var again = FileLock.TryAcquire(temp["a.lock"]);
        Assert.NotNull(again);
    }

    [Fact]
    public void Whoever_asks_whether_it_is_held_makes_no_file_and_keeps_nobody_else_from_asking()
    {
        using var temp = new TempDirectory();
        Assert.False(FileLock.IsHeld(temp["a.lock"]));
        Assert.Empty(temp.Files);

        using (FileLock.TryAcquire(temp["a.lock"]))
            Assert.True(FileLock.IsHeld(temp["a.lock"]));
        var answers = ParallelEnumerable.Range(0, 400).WithDegreeOfParallelism(8).Select(_ => FileLock.IsHeld(temp["a.lock"]));
        Assert.DoesNotContain(true, answers);
    }

    [SkippableFact]
    public async Task The_flock_command_and_it_see_each_other()
    {
        using var temp = new TempDirectory();
        using var held = FileLock.TryAcquire(temp["a.lock"]);

        Assert.Equal("busy", (await Shell.BashAsync($"flock --nonblock '{temp["a.lock"]}' echo free || echo busy")).Trim());
    }

    [SkippableFact]
    public async Task It_is_free_at_once_although_a_child_of_this_process_still_has_the_file_open()
    {
        using var temp = new TempDirectory();
        var starts = Task.Run(async () =>
        {
            for (var child = 0; child < 150; child++)
                await Shell.BashAsync("true"); // forks, and shares every open file for a moment
        });

        while (!starts.IsCompleted)
        {
            using var held = FileLock.TryAcquire(temp["a.lock"]);
            Assert.NotNull(held);
        }

        await starts;
    }

    [SkippableFact]
    public async Task A_file_on_a_read_only_file_system_can_still_be_locked()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=1m");
        await File.WriteAllTextAsync(Path.Combine(disk.Path, "a.lock"), "");
        await disk.RemountAsync("ro");

        using var held = FileLock.TryAcquire(Path.Combine(disk.Path, "a.lock"));

        Assert.NotNull(held);
        Assert.Null(FileLock.TryAcquire(Path.Combine(disk.Path, "a.lock")));
    }
}
