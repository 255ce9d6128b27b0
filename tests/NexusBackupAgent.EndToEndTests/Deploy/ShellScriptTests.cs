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
    [InlineData("tests/NexusBackupAgent.Benchmarks/compare-buckets")]
    [InlineData("tests/NexusBackupAgent.Benchmarks/compare-offsite")]
    [InlineData("tests/NexusBackupAgent.EndToEndTests/Support/guardian")]
    [InlineData("tests/clock")]
    [InlineData("tests/container/build")]
    [InlineData("tests/container/distribution")]
    [InlineData("tests/deb/try")]
    [InlineData("tests/reproducible")]
    [InlineData("tests/run")]
    [InlineData("tests/s3/gateway")]
    public async Task A_script_is_executable_and_free_of_the_usual_traps(string path)
    {
        Require.Tool("shellcheck");

        var script = Repository.File(path);
        var review = await Tool.RunAsync("shellcheck", [script]);

        Assert.True(review.ExitCode == 0, review.Text);
        var executable = await Tool.RunAsync("test", ["-x", script]);
        Assert.True(executable.ExitCode == 0, $"chmod +x {path}");
    }

    /// <summary><see cref="TestScope"/> reads the variable.</summary>
    [Theory]
    [InlineData("all", "all|NexusBackupAgent.Tests NexusBackupAgent.EndToEndTests|")]
    [InlineData("", "|NexusBackupAgent.Tests NexusBackupAgent.EndToEndTests|")]
    public async Task With_all_nothing_is_left_out_of_the_tests(string argument, string expected)
    {
        var functions = (await File.ReadAllTextAsync(Repository.File("tests/run"))).Split("\nread_arguments \"$@\"\n")[0];

        var run = await Tool.RunAsync("env", ["--unset=NEXUS_BACKUP_TESTS", "bash", "-c", $"{functions}\nread_arguments {argument}; echo \"${{NEXUS_BACKUP_TESTS:-}}|${{projects[*]}}|${{filter[*]}}\"", Repository.File("tests/run")]);

        Assert.Equal((0, expected), (run.ExitCode, run.Output.TrimEnd()));
    }
}
