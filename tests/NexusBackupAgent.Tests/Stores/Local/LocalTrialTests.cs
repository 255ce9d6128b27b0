using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores.Local;

/// <summary>What a network or a removable disk may lack is found by trying it, and named. The kernel answers as such a disk does.</summary>
public sealed class LocalTrialTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData("fsync", "-22", "warning: it does not know fsync")] // as on some FUSE file systems
    [InlineData("renameat", "-1", "error: a file can't take another one's name there")]
    [InlineData("renameat", "0", "error: a file can't take another one's name there: the old name stays")]
    public async Task What_the_file_system_lacks_is_named(string call, string answer, string said)
    {
        var (output, calls) = await Child.RunHamperedAsync(["--answer", call, answer], temp.Path, "store-trial", temp.Path);

        Assert.StartsWith(said, Assert.Single(output.Split('\n')), StringComparison.Ordinal);
        Assert.Contains(calls, one => one.StartsWith(call + " ", StringComparison.Ordinal)); // it was answered so
        Assert.Empty(Directory.GetFileSystemEntries(temp.Path));
    }

    [SkippableTheory]
    [InlineData("EINVAL", "warning: it does not take every name")]
    [InlineData("ENOSPC", "")] // a full disk is told elsewhere
    public async Task A_name_that_is_not_taken_is_told_and_nothing_else(string error, string said)
    {
        var (_, calls) = await Child.RunFailingAsync("EINVAL", 0, temp.Path, "store-trial", temp.Path);
        var named = calls.ToList().FindLastIndex(call => call.StartsWith("openat ", StringComparison.Ordinal) && call.Contains("a:b", StringComparison.Ordinal)) + 1;
        Assert.True(named > 0);

        var (output, _) = await Child.RunFailingAsync(error, named, temp.Path, "store-trial", temp.Path);

        Assert.Equal(said, Assert.Single(output.Split('\n'))[..said.Length]);
        Assert.Equal(said.Length == 0, output.Length == 0);
        Assert.Empty(Directory.GetFileSystemEntries(temp.Path));
    }

    [Fact]
    public void A_server_whose_clock_is_wrong_is_told()
    {
        Assert.Empty(new LocalTrial(temp.Path, FileSystemClock.Now).Run());
        File.WriteAllText(temp[".nexus-backup-trial-of-a-killed-one"], "");
        File.SetLastWriteTimeUtc(temp[".nexus-backup-trial-of-a-killed-one"], FileSystemClock.Now.UtcDateTime.AddHours(-3));
        var lacking = Assert.Single(new LocalTrial(temp.Path, FileSystemClock.Now.AddHours(-1)).Run());
        Assert.Contains("a file that is written there now is dated", lacking.Problem, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(temp.Path));
        Assert.Empty(new LocalTrial(temp["absent"], FileSystemClock.Now).Run()); // what is away is told elsewhere
    }
}
