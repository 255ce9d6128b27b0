using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>The Debian package, built and tried by <c>tests/deb/try</c>, which says what it proves.</summary>
public sealed class PackageTests
{
    /// <summary>On two idle cores it takes half a minute, and two more when it makes its system first.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);

    [SkippableFact]
    public async Task The_package_installs_upgrades_and_goes_without_taking_a_backup_along()
    {
        Require.That(AgentProgram.IsNative, AgentProgram.NotNative);
        Require.Tool("debootstrap");
        Require.Tool("bwrap", "bubblewrap");
        Require.Tool("dpkg-shlibdeps", "dpkg-dev");
        Require.Tool("lintian");
        Require.That(Environment.IsPrivilegedProcess, "installing a package needs root; run the tests as root");

        var trial = await Tool.RunAsync(Repository.File("tests/deb/try"), [AgentProgram.Directory], timeout: Limit);

        Assert.True(trial.ExitCode == 0, trial.Text);
        Assert.Equal(10, trial.Output.Split('\n').Count(line => line.Contains("] ok: ", StringComparison.Ordinal)));
        Assert.EndsWith("package: all checks passed\n", trial.Output, StringComparison.Ordinal);
    }
}
