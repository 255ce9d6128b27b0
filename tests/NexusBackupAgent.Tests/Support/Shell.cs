using System.Diagnostics;

namespace NexusBackupAgent.Tests.Support;

/// <summary>What a program said.</summary>
internal sealed record ShellResult(int ExitCode, string Output, string Error);

/// <summary>Runs real programs, as an operator would.</summary>
internal static class Shell
{
    /// <summary>Runs a program to its end, whatever its exit code.</summary>
    public static async Task<ShellResult> TryAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return new ShellResult(process.ExitCode, await output, await error);
    }

    /// <summary>Runs a program that has to succeed.</summary>
    /// <returns>Its output without the last line's end.</returns>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var result = await TryAsync(program, arguments);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.ExitCode} {result.Output} {result.Error}");
        return result.Output.TrimEnd('\n');
    }

    public static Task<string> BashAsync(string script) => RunAsync("bash", "-euo", "pipefail", "-c", script);

    public static Process Start(string program, params string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments)
    {
        UseShellExecute = false,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
}
