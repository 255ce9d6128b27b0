using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

/// <summary>What is mounted, by whatever name.</summary>
public sealed class MountTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    /// <summary>The kernel escapes the first four kinds; the last looks as if it had.</summary>
    [SkippableTheory]
    [InlineData("with space")]
    [InlineData("with\ttab")]
    [InlineData("with\nline end")]
    [InlineData(@"with\backslash")]
    [InlineData(@"with\040code")]
    [InlineData(@"with\134040code")]
    [InlineData("日本語")]
    public async Task A_file_that_is_mounted_alone_is_found_and_where_it_comes_from(string name)
    {
        Need.Root();
        var (origin, mounted) = (Path.Combine(temp.Sub($"from {name}"), name), temp[name]);
        await File.WriteAllTextAsync(origin, "content");
        await File.WriteAllTextAsync(mounted, "");
        Assert.False(Mount.IsAt(mounted));
        var mount = await Shell.TryAsync("mount", "--bind", origin, mounted);
        Need.That(mount.ExitCode == 0, "needs the right to mount a file: " + mount.Error);
        try
        {
            Assert.True(Mount.IsAt(mounted));
            Assert.False(Mount.IsAt(origin));
            Assert.Equal([origin], FileNames.Others(mounted, FileStatus.Of(mounted)!.Value, out _));
        }
        finally
        {
            await Shell.RunAsync("umount", "-l", mounted);
        }
    }
}
