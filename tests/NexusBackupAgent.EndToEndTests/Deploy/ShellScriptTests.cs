using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>The repository's shell scripts, read by shellcheck.</summary>
public sealed class ShellScriptTests
{
    [SkippableTheory]
    [InlineData(".ci/run")]
    [InlineData("deploy/container/health")]
    [InlineData("deploy/deb/build")]
    [InlineData("tests/NexusBackupAgent.Benchmarks/compare")]
    [InlineData("tests/container/build")]
    [InlineData("tests/container/distribution")]
    [InlineData("tests/deb/try")]
    [InlineData("tests/reproducible")]
    [InlineData("tests/run")]
    public async Task A_script_is_executable_and_free_of_the_usual_traps(string path)
    {
        Require.Tool("shellcheck");

        var script = Repository.File(path);
        var review = await Tool.RunAsync("shellcheck", [script]);

        Assert.True(review.ExitCode == 0, review.Text);
        var executable = await Tool.RunAsync("test", ["-x", script]);
        Assert.True(executable.ExitCode == 0, $"chmod +x {path}");
    }
}
