using NexusBackupAgent.EndToEndTests.Support;

namespace NexusBackupAgent.EndToEndTests.Deploy;

/// <summary>The systemd service as systemd itself reads it, with the drop-in that goes with it.</summary>
public sealed class SystemdUnitTests : IDisposable
{
    /// <summary>Tenths of systemd's exposure level, from 0 (locked in) to 100: the service reaches 14.</summary>
    const int HighestExposure = 14;

    static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("nexus-backup-unit-");

    public void Dispose() => directory.Delete(recursive: true);

    [SkippableFact]
    public async Task Systemd_understands_every_line_of_the_service_and_its_drop_in()
    {
        var verification = await VerifyAsync(extraDropIn: null);

        Assert.True(verification.ExitCode == 0, verification.Text);
        Assert.Equal("", verification.Error);
    }

    [SkippableFact]
    public async Task A_mistyped_line_in_a_drop_in_does_not_pass_the_same_check()
    {
        var verification = await VerifyAsync("[Service]\nReadWritePath=/srv\n");

        Assert.Contains("ReadWritePath", verification.Error, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("nexus-backup-metrics.service", "nexus-backup-metrics.timer")]
    [InlineData("nexus-backup@daily.service", "nexus-backup@daily.timer")]
    public async Task Systemd_understands_every_line_of_what_a_host_without_an_agent_has(string service, string timer)
    {
        Require.Tool("systemd-analyze");
        var template = Repository.File("deploy/systemd", service.Replace("@daily", "@", StringComparison.Ordinal));
        var units = new[] { Path.Combine(directory.FullName, service), Path.Combine(directory.FullName, timer) };
        var text = await File.ReadAllTextAsync(template);
        await File.WriteAllTextAsync(units[0], text.Replace("ExecStart=/usr/local/bin/nexus-backup ", "ExecStart=/bin/true ", StringComparison.Ordinal).Replace("%i", "daily", StringComparison.Ordinal));
        File.Copy(Repository.File("deploy/systemd", timer), units[1]);

        var verification = await Tool.RunAsync("systemd-analyze", ["verify", .. units], timeout: Limit);

        Assert.True(verification.ExitCode == 0, verification.Text);
        Assert.Equal("", verification.Error);
    }

    [SkippableTheory]
    [InlineData("nexus-backup-metrics.service", 20)]
    [InlineData("nexus-backup@.service", 20)]
    public async Task What_a_timer_starts_is_locked_in_as_well(string service, int highest)
    {
        Require.Tool("systemd-analyze");
        var unit = Path.Combine(directory.FullName, service.Replace("@", "@daily", StringComparison.Ordinal));
        File.Copy(Repository.File("deploy/systemd", service), unit);

        var judgement = await Tool.RunAsync("systemd-analyze", ["security", "--offline=true", "--no-pager", $"--threshold={highest}", unit], timeout: Limit);

        Assert.True(judgement.ExitCode == 0, judgement.Text);
    }

    [SkippableFact]
    public async Task The_service_stays_as_hardened_as_it_is()
    {
        Require.Tool("systemd-analyze");

        var judgement = await Tool.RunAsync(
            "systemd-analyze", ["security", "--offline=true", "--no-pager", $"--threshold={HighestExposure}", Unit()], timeout: Limit);

        Assert.True(judgement.ExitCode == 0, judgement.Text);
    }

    [SkippableFact]
    public async Task The_agent_starts_under_the_services_system_call_filter()
    {
        Require.Tool("systemd-analyze");
        Require.Tool("python3");

        Require.That(AgentProgram.IsNative, AgentProgram.NotNative);

        var start = await UnderFilterAsync(AgentProgram.Path, "demo", "--exit", "--size", "1", "--directory", Path.Combine(directory.FullName, "demo"));

        Assert.True(start.ExitCode == 0, start.Text);
    }

    [SkippableFact]
    public async Task Memory_that_is_written_and_executed_is_refused_under_it()
    {
        Require.Tool("systemd-analyze");
        Require.Tool("python3");

        var written = await UnderFilterAsync("python3", "-c", "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)");
        var read = await UnderFilterAsync("python3", "-c", "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)");

        Assert.Contains("Operation not permitted", written.Error, StringComparison.Ordinal);
        Assert.True(read.ExitCode == 0, read.Text);
    }

    [SkippableFact]
    public async Task A_call_that_the_service_has_no_business_with_is_refused_under_its_filter()
    {
        Require.Tool("systemd-analyze");
        Require.Tool("python3");

        var own = await UnderFilterAsync("true");
        var chown = await UnderFilterAsync("chown", "12345", directory.FullName);

        Assert.Equal(0, own.ExitCode);
        Assert.Contains("Operation not permitted", chown.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_service_forbids_code_that_is_made_while_it_runs_and_lets_the_runtime_see_the_memory()
    {
        var settings = Settings();

        Assert.Contains("MemoryDenyWriteExecute=yes", settings);
        Assert.DoesNotContain("ProcSubset=pid", settings);
    }

    [Fact]
    public void A_wrong_configuration_is_not_restarted_for_ever()
    {
        var settings = Settings();

        Assert.Contains("Restart=on-failure", settings);
        Assert.Contains("RestartPreventExitStatus=2", settings);
    }

    [Fact]
    public void The_drop_in_for_ITSM_makes_the_databases_own_directory_writable() =>
        Assert.Contains(
            "ReadWritePaths=/mnt/LinuxHDD/ITSM-System/backend",
            File.ReadAllLines(Repository.File("deploy/systemd/itsm.conf.example")));

    async Task<ToolResult> VerifyAsync(string? extraDropIn)
    {
        Require.Tool("systemd-analyze");

        // systemd also looks whether the program exists, which on a developer's machine it does not.
        var unit = Path.Combine(directory.FullName, "nexus-backup.service");
        var program = Settings().Single(line => line.StartsWith("ExecStart=", StringComparison.Ordinal)).Split('=', ' ')[1];
        var text = await File.ReadAllTextAsync(Unit());
        await File.WriteAllTextAsync(unit, text.Replace($"ExecStart={program} ", "ExecStart=/bin/true ", StringComparison.Ordinal));

        var dropIns = directory.CreateSubdirectory("nexus-backup.service.d").FullName;
        File.Copy(Repository.File("deploy/systemd/itsm.conf.example"), Path.Combine(dropIns, "itsm.conf"));
        if (extraDropIn is not null)
            await File.WriteAllTextAsync(Path.Combine(dropIns, "extra.conf"), extraDropIn);

        return await Tool.RunAsync("systemd-analyze", ["verify", unit], timeout: Limit);
    }

    static Task<ToolResult> UnderFilterAsync(params string[] command) =>
        Tool.RunAsync(Repository.File("tests/systemd/under-filter"), [Unit(), .. command], timeout: Limit);

    static string Unit() => Repository.File("deploy/systemd/nexus-backup.service");

    static string[] Settings() =>
        [.. File.ReadLines(Unit()).Where(line => line.Length > 0 && line[0] != '#')];
}
