using System.ComponentModel;
using System.Diagnostics;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>What a program printed and how it ended.</summary>
/// <param name="ExitCode">The program's exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Errors">Its standard error.</param>
sealed record ToolResult(int ExitCode, string Output, string Errors)
{
    /// <summary>All of it, for the message of a failed assertion.</summary>
    public override string ToString() => $"exit code {ExitCode}\n--- output\n{Output}\n--- errors\n{Errors}";
}

/// <summary>Programs of the machine that a test needs beside the agent.</summary>
static class ExternalTool
{
    /// <summary>True on a build server, where a missing tool fails a test instead of skipping it.</summary>
    static bool OnBuildServer =>
        string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Skips the calling test on a developer's machine that lacks one of the tools; fails it on a build server.</summary>
    public static void Require(params string[] names)
    {
        foreach (var name in names)
            Require(IsOnPath(name), $"{name} is not installed; tests/run installs it");
    }

    /// <summary>Skips the calling test unless the condition holds; on a build server it fails instead.</summary>
    public static void Require(bool condition, string otherwise)
    {
        if (OnBuildServer)
            Assert.True(condition, otherwise);
        Skip.IfNot(condition, otherwise);
    }

    /// <summary>Runs a program to its end, with no standard input, and ends it with its children when it takes longer.</summary>
    /// <exception cref="TimeoutException">It did not end within <paramref name="limit"/>.</exception>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public static async Task<ToolResult> RunAsync(TimeSpan limit, string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();

        using var deadline = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException late)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{name} did not end within {limit}. It printed:\n{await output}\n{await errors}", late);
        }

        return new ToolResult(process.ExitCode, await output, await errors);
    }

    static bool IsOnPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append("/usr/sbin")
            .Any(directory => File.Exists(Path.Combine(directory, name)));
}
