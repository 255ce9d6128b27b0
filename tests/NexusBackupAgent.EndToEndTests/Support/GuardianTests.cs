using System.Diagnostics;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>What a test host leaves that was killed: nothing.</summary>
public sealed class GuardianTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task A_host_that_is_killed_leaves_no_process_of_its_tree_and_no_directory()
    {
        Require.Tool("setsid", "util-linux");
        var run = Directory.CreateDirectory(folder["run"]).FullName;
        await File.WriteAllTextAsync(Path.Combine(run, "left.txt"), "by a test that failed");
        using var host = Start(run, $"""
            mkfifo '{run}/pipe'
            setsid --fork '{Guardian.Program}' '{Guardian.Variable}={run}' '{run}' <'{run}/pipe' &
            exec 3>'{run}/pipe'
            export {Guardian.Variable}='{run}'
            sleep 3601 3>&- &
            (setsid sleep 3602 3>&- &)
            env -i sh -c 'sleep 3603; : {run}/here' 3>&- &
            sleep 0.2; echo ready; wait
            """);
        Assert.Equal("ready", await host.StandardOutput.ReadLineAsync());
        Assert.True(Belonging(run) >= 4, "nothing was started");

        host.Kill();
        await host.WaitForExitAsync();

        Assert.True(await Eventually.IsAsync(() => Task.FromResult(Belonging(run) == 0 && !Directory.Exists(run)), TimeSpan.FromMinutes(1)), $"{Belonging(run)} processes are left of {run}");
    }

    [Fact]
    public void These_tests_make_their_temporary_files_where_the_guardian_looks() =>
        Assert.StartsWith(Environment.GetEnvironmentVariable(Guardian.Variable) + "/", folder.Path, StringComparison.Ordinal);

    private static Process Start(string run, string script)
    {
        var start = Tool.Describe("bash", ["-c", script], run);
        start.Environment.Remove(Guardian.Variable); // the outer run is not what is tested
        return Process.Start(start)!;
    }

    /// <summary>How many processes say in environment or command line that they belong to a run.</summary>
    private static int Belonging(string run) => Directory.EnumerateDirectories("/proc").Count(process => Says(process, "environ", $"{Guardian.Variable}={run}\0") || Says(process, "cmdline", run + "/here"));

    private static bool Says(string process, string file, string words)
    {
        try
        {
            return char.IsAsciiDigit(Path.GetFileName(process)[0]) && File.ReadAllText(Path.Combine(process, file)).Contains(words, StringComparison.Ordinal);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
