using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary><c>deploy/compose</c> started by <c>tests/deploy/compose-up</c>, which says what it proves and what stands in for what.</summary>
public sealed class ComposeUpTests
{
    /// <summary>On two idle cores it takes 14 s; each thing that it waits for has a minute.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [SkippableFact]
    public async Task What_the_Compose_file_describes_starts_finds_each_other_and_pages()
    {
        Require.Tool("bwrap", "bubblewrap");
        Require.Tool("busybox");
        Require.Tool("unshare", "util-linux");
        Require.Tool("prometheus");
        Require.Tool("prometheus-alertmanager");
        Require.That(File.Exists("/usr/bin/python3"), "Debian's Python is not installed (apt-get install python3 python3-yaml)");
        Require.That(Environment.IsPrivilegedProcess, "a sandbox with other users needs root; run the tests as root");

        var up = await Tool.RunAsync(Repository.File("tests", "deploy", "compose-up"), [AgentProgram.Directory], timeout: Limit);

        Assert.True(up.ExitCode == 0, up.Text);
        Assert.Equal(8, up.Output.Split('\n').Count(line => line.Contains("] ok: ", StringComparison.Ordinal)));
        Assert.EndsWith("compose: all checks passed\n", up.Output, StringComparison.Ordinal);
    }
}
