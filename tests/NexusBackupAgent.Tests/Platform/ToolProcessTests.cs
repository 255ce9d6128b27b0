using System.Diagnostics;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Platform;

public sealed class ToolProcessTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private readonly TempDirectory home = new();

    public void Dispose() => home.Dispose();

    [Fact]
    public async Task Arguments_arrive_as_they_are()
    {
        string[] arguments = ["", "a b", "it's", "\"quoted\"", "two\nlines", "$HOME `id` *", "日本語", "-x", "\\n"];

        await RunAsync(["sh", "-c", "printf '%s\\0' \"$@\" > \"$OUT\"", "sh", .. arguments], environment: Out());

        Assert.Equal(arguments, (await File.ReadAllTextAsync(home["out"])).Split('\0')[..^1]);
    }

    [Fact]
    public async Task The_environment_is_added_to_the_agents_own()
    {
        var result = await RunAsync(["sh", "-c", "echo \"$GIVEN $PATH\""], environment: new Dictionary<string, string>(StringComparer.Ordinal) { ["GIVEN"] = "a 'b'" });

        Assert.Equal($"a 'b' {Environment.GetEnvironmentVariable("PATH")}", result.LastLine);
    }

    [Fact]
    public async Task Its_input_is_what_it_was_given_and_then_ends()
    {
        var input = string.Concat(Enumerable.Repeat("行 \"one\"\n", 50_000));

        await RunAsync(["sh", "-c", "cat > \"$OUT\""], environment: Out(), input: input);

        Assert.Equal(input, await File.ReadAllTextAsync(home["out"]));
    }

    [Fact]
    public async Task A_program_that_does_not_read_its_input_is_fine() =>
        Assert.Equal(0, (await RunAsync(["true"], input: new string('x', 10 << 20))).ExitCode);

    [Fact]
    public async Task A_program_that_closes_its_input_and_goes_on_is_fine() =>
        Assert.Equal("done", (await RunAsync(["sh", "-c", "exec 0<&-; echo done"], input: new string('x', 10 << 20))).LastLine);

    [Fact]
    public async Task The_exit_code_and_the_end_of_both_outputs_are_told()
    {
        var result = await RunAsync(["sh", "-c", "echo one; echo two >&2; exit 7"]);

        Assert.Equal(7, result.ExitCode);
        Assert.Equal(["one", "two"], result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [Fact]
    public async Task Big_output_on_both_streams_neither_blocks_nor_stays()
    {
        var result = await RunAsync(["sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x; head -c 20000000 /dev/zero | tr '\\0' y >&2; echo; echo end"]);

        Assert.Equal((0, "end"), (result.ExitCode, result.LastLine));
        Assert.InRange(result.Output.Length, 1, 1 << 20);
    }

    [Fact]
    public async Task What_takes_too_long_is_killed_with_its_grandchildren()
    {
        var clock = new ManualClock(Some.Instant);
        string[] command = ["sh", "-c", "sh -c 'sleep 1000 & echo $! > \"$OUT.tmp\"; mv \"$OUT.tmp\" \"$OUT\"; wait' & wait"];
        var running = ToolProcess.RunAsync(command, TimeSpan.FromSeconds(30), clock, CancellationToken.None, Out());
        await Eventually.TrueAsync(() => File.Exists(home["out"]), "the grandchild runs");
        var grandchild = int.Parse(await File.ReadAllTextAsync(home["out"]), System.Globalization.CultureInfo.InvariantCulture);
        clock.Advance(TimeSpan.FromSeconds(30));

        var failure = await Assert.ThrowsAsync<BackupException>(() => running);

        Assert.Equal(FailureKind.TimedOut, failure.Kind);
        Assert.Contains("within 30 s", failure.Message, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => IsGone(grandchild), "the grandchild is gone");
    }

    [Fact]
    public async Task A_child_that_keeps_the_output_open_changes_nothing_of_how_the_program_ended()
    {
        var clock = new ManualClock(Some.Instant);
        var running = ToolProcess.RunAsync(["sh", "-c", "sleep 600 & echo $! > \"$OUT\"; echo started; exit 3"], TimeSpan.FromSeconds(5), clock, CancellationToken.None, Out());
        await Eventually.TrueAsync(() => clock.IsAwaited(TimeSpan.FromSeconds(1)), "the rest of the output is waited for");
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(3, (await running).ExitCode);
        Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(home["out"]), System.Globalization.CultureInfo.InvariantCulture)).Kill();
    }

    [Fact]
    public async Task A_program_whose_arguments_may_be_secrets_is_named_without_them()
    {
        var failure = await Assert.ThrowsAsync<BackupException>(() => ToolProcess.RunAsync(
            ["sleep", "600.12345"], TimeSpan.FromMilliseconds(50), Some.Clock, CancellationToken.None, shownAs: "sleep"));

        Assert.StartsWith("'sleep' did not end", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Being_stopped_kills_it_and_is_no_failure_of_its_own()
    {
        using var stop = new CancellationTokenSource();
        var running = ToolProcess.RunAsync(["sh", "-c", "echo $$ > \"$OUT.tmp\"; mv \"$OUT.tmp\" \"$OUT\"; exec sleep 1000"], Long, Some.Clock, stop.Token, Out());
        await Eventually.TrueAsync(() => File.Exists(home["out"]), "it runs");
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        var process = int.Parse(await File.ReadAllTextAsync(home["out"]), System.Globalization.CultureInfo.InvariantCulture);
        await Eventually.TrueAsync(() => IsGone(process), "it is gone");
    }

    [Theory]
    [InlineData("no-such-program-here")]
    [InlineData("/no/such/program")]
    [InlineData("/etc/passwd")]
    [InlineData("/etc")]
    public async Task A_program_that_cannot_be_run_says_so(string program)
    {
        var failure = await Assert.ThrowsAsync<BackupException>(() => RunAsync([program]));

        Assert.Equal(FailureKind.Configuration, failure.Kind);
        Assert.Contains($"'{program}'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_that_is_no_program_for_this_machine_says_so()
    {
        await File.WriteAllTextAsync(home["tool"], "garbage\n");
        await Shell.RunAsync("chmod", "755", home["tool"]);

        Assert.Equal(FailureKind.Configuration, (await Assert.ThrowsAsync<BackupException>(() => RunAsync([home["tool"]]))).Kind);
    }

    [Fact]
    public async Task A_bare_name_is_not_looked_for_in_the_working_directory()
    {
        var name = $"nexus-tool-{Guid.NewGuid():N}";
        var here = Path.Combine(Environment.CurrentDirectory, name);
        await File.WriteAllTextAsync(here, "#!/bin/sh\n");
        try
        {
            await Shell.RunAsync("chmod", "755", here);

            Assert.Equal(FailureKind.Configuration, (await Assert.ThrowsAsync<BackupException>(() => RunAsync([name]))).Kind);
        }
        finally
        {
            File.Delete(here);
        }
    }

    [Theory]
    [InlineData("systemctl stop itsm-nexus-prod", "systemctl", "stop", "itsm-nexus-prod")]
    [InlineData("echo '' 'a b' 'it'\\''s'", "echo", "", "a b", "it's")]
    public void A_command_is_shown_as_a_shell_would_need_it(string line, params string[] command) => Assert.Equal(line, ToolProcess.Line(command));

    private static Task<ToolResult> RunAsync(IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null, string input = "") =>
        ToolProcess.RunAsync(command, Long, Some.Clock, CancellationToken.None, environment, input);

    private Dictionary<string, string> Out() => new(StringComparer.Ordinal) { ["OUT"] = home["out"] };

    private static bool IsGone(int process) => !Directory.Exists($"/proc/{process}") || File.ReadAllText($"/proc/{process}/stat").Split(')')[1].TrimStart().StartsWith('Z');
}
