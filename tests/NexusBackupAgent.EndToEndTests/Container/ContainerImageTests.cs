using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Container;

/// <summary>
/// The Dockerfile, built and run by <c>tests/container/build</c>, which says what it proves. The agent in the image is the
/// published one, unless what compiles it there changed; <c>tests/run all</c> compiles it there in any case.
/// </summary>
public sealed class ContainerImageTests
{
    /// <summary>A first run makes its base images from the package mirror: about two minutes on two cores.</summary>
    const int LimitSeconds = 540;

    private static IEnumerable<string> Agent => TestScope.IsWhole || !AgentProgram.IsNative ? [] : ["--agent", AgentProgram.Directory];

    [SkippableFact]
    public async Task The_image_builds_without_a_registry_and_runs_the_demo_as_an_ordinary_user()
    {
        Require.Tool("buildah");
        Require.Tool("debootstrap");
        Require.Tool("jq");
        Require.Tool("python3");
        Require.That(Environment.IsPrivilegedProcess, "building in a chroot needs root; run the tests as root");

        // timeout sends SIGTERM to the whole group first, so that the script still clears up behind itself.
        var build = await Tool.RunAsync(
            "timeout",
            ["--kill-after=30", $"{LimitSeconds}", Repository.File("tests/container/build"), .. Agent],
            timeout: TimeSpan.FromSeconds(LimitSeconds + 60));

        Assert.True(build.ExitCode == 0, build.Text);
        Assert.Contains("ok: the Dockerfile builds", build.Output, StringComparison.Ordinal);
        Assert.True(!TestScope.IsWhole || build.Output.Contains("ok: the Dockerfile builds and compiles", StringComparison.Ordinal), build.Text);
        Assert.Contains("ok: user 9440:9440", build.Output, StringComparison.Ordinal);
        Assert.Contains("ok: compiled ahead of time", build.Output, StringComparison.Ordinal);
        Assert.Contains("ok: the health check tells 200, 503 and silence apart", build.Output, StringComparison.Ordinal);
        Assert.Contains("ok: nexus-backup demo --exit", build.Output, StringComparison.Ordinal);
        Assert.EndsWith("container image: all checks passed\n", build.Output, StringComparison.Ordinal);
    }
}
