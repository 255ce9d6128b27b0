namespace NexusBackupAgent.Tests.Support;

/// <summary>A real file system of a few mebibytes, to be filled up.</summary>
internal sealed class SmallFileSystem : IAsyncDisposable
{
    private readonly TempDirectory temp = new();

    public string Path => temp["mount"];

    public static async Task<SmallFileSystem> MountAsync(string options)
    {
        Need.Root();
        var mounted = new SmallFileSystem();
        mounted.temp.Sub("mount");
        var result = await Shell.TryAsync("mount", "-t", "tmpfs", "-o", options, "tmpfs", mounted.Path);
        if (result.ExitCode != 0)
            mounted.temp.Dispose();
        Need.That(result.ExitCode == 0, "needs the right to mount a tmpfs: " + result.Error);
        return mounted;
    }

    /// <summary>Tries until no child of this process, between fork and exec, holds a file of it.</summary>
    public async Task RemountAsync(string options)
    {
        var said = "";
        await Eventually.TrueAsync(
            async () =>
            {
                var result = await Shell.TryAsync("mount", "-o", "remount," + options, Path);
                said = result.Error;
                return result.ExitCode == 0;
            },
            () => "the small file system is remounted: " + said);
    }

    public async ValueTask DisposeAsync()
    {
        await Shell.RunAsync("umount", "-l", Path);
        temp.Dispose();
    }
}
