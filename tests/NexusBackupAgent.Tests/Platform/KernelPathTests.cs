using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

/// <summary>A path means what the kernel makes of it (realpath(3)), also where nothing lies yet.</summary>
public sealed class KernelPathTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    /// <summary>app/current → ../releases/v2; releases/v2/data.db → ../shared/data.db; app/loop → loop; app/abs → (this directory)/releases/v2; app/chain → current; app/gone → ../nowhere/x.</summary>
    [SkippableTheory]
    [InlineData("app/current/data.db")]
    [InlineData("app/current/missing.db")]
    [InlineData("app/current/../data.db")]
    [InlineData("app/current/../shared/data.db")]
    [InlineData("app/chain/data.db")]
    [InlineData("app/chain/../shared/../v2/data.db")]
    [InlineData("app/abs/data.db")]
    [InlineData("app/abs/../shared")]
    [InlineData("app/gone")]
    [InlineData("app/gone/deeper")]
    [InlineData("app/missing/../data.db")]
    [InlineData("./app//current/./data.db")]
    [InlineData("app/current/deep/../data.db")]
    public async Task Paths_lead_where_the_kernel_leads(string path)
    {
        await MakeAsync();

        var absolute = KernelPath.Absolute(path, temp.Path);

        var expected = await Shell.BashAsync($"cd '{temp.Path}'; realpath -m '{path}'");
        Assert.Equal(expected, KernelPath.Resolve(temp[path]));
        Assert.Equal(expected, KernelPath.Resolve(absolute));
        Assert.DoesNotContain("..", absolute, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_link_that_no_parent_is_asked_of_stays_and_is_followed_anew_each_time()
    {
        await MakeAsync();

        Assert.Equal(temp["app/current/data.db"], KernelPath.Absolute("app/./shared/../current/data.db", temp.Path));
        Assert.Equal(temp["app/current/data.db"], KernelPath.Absolute("app/current/deep/../data.db", temp.Path));
        Assert.Equal(temp["releases/data.db"], KernelPath.Absolute("app/current/../data.db", temp.Path));
    }

    [SkippableFact]
    public async Task A_circle_ends()
    {
        await MakeAsync();

        Assert.Equal(temp["app/loop"], KernelPath.Resolve(temp["app/loop"]));
    }

    private Task MakeAsync() => Shell.BashAsync($"""
        cd '{temp.Path}'; mkdir -p app/shared releases/v2/deep releases/shared; ln -s ../shared/data.db releases/v2/data.db
        ln -s ../releases/v2 app/current; ln -s loop app/loop; ln -s '{temp.Path}/releases/v2' app/abs; ln -s current app/chain; ln -s ../nowhere/x app/gone
        echo right > releases/shared/data.db; echo WRONG > app/shared/data.db; echo wrong > app/data.db; echo parent > releases/data.db
        """);
}
