using System.Diagnostics;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>The built executable as a shell and a service manager see it: exit codes, streams and signals.</summary>
public sealed class ProcessTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task Data_goes_to_the_output_and_nothing_else_does()
    {
        using var process = Start("backup", "--json");
        var output = await process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal((0, ""), (process.ExitCode, error));
        Assert.Equal("success", new CommandResult(0, output, error).Json[0].GetProperty("result").GetString());
    }

    [Fact]
    public async Task A_wrong_command_line_ends_with_two()
    {
        using var process = Start("--no-such-option");
        await process.WaitForExitAsync();

        Assert.Equal(2, process.ExitCode);
        Assert.Empty(await process.StandardOutput.ReadToEndAsync());
        Assert.StartsWith("error: ", await process.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task The_agent_ends_well_when_it_is_told_to_stop(string signal)
    {
        await File.AppendAllTextAsync(place.Configuration, "listen: http://127.0.0.1:0\n");
        using var process = Start("run", "--log-format", "json");
        using var patience = new CancellationTokenSource(Patience);
        var lines = new List<string>();
        while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            lines.Add(line);
            if (line.Contains("\"run_succeeded\"", StringComparison.Ordinal)) // the first backup, made at once
                Process.Start("kill", [$"-{signal}", $"{process.Id}"]).Dispose();
        }

        await process.WaitForExitAsync(patience.Token);

        Assert.Equal(0, process.ExitCode);
        Assert.Contains("\"agent_stopped\"", lines[^1], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("\"event\":\"next_run\"", StringComparison.Ordinal));
    }

    private Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(
        Path.Combine(AppContext.BaseDirectory, "nexus-backup"), arguments)
    {
        WorkingDirectory = place.Path,
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
}
