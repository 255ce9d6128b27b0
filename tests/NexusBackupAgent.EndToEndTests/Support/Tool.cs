using System.ComponentModel;
using System.Diagnostics;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>How a program ended and what it printed.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    /// <summary>Both streams, for a failed assertion's message.</summary>
    public string Text => $"exit code {ExitCode}\n{Output}{Error}";
}

/// <summary>Runs a program to its end. Arguments are a list and never pass through a shell.</summary>
internal static class Tool
{
    /// <summary>Default time limit.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(2);

    /// <exception cref="TimeoutException">It did not end in time, and was killed with its children.</exception>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public static async Task<ToolResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string? workingDirectory = null,
        TimeSpan? timeout = null)
    {
        using var process = new Process { StartInfo = Describe(program, arguments, workingDirectory) };
        process.Start();
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();

        var limit = timeout ?? DefaultTimeout;
        using var expiry = new CancellationTokenSource(limit, TimeProvider.System);
        try
        {
            await process.WaitForExitAsync(expiry.Token);
        }
        catch (OperationCanceledException expired)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} did not end within {limit}", expired);
        }

        return new ToolResult(process.ExitCode, await output, await error);
    }

    /// <summary>A start description with both streams captured and no shell.</summary>
    public static ProcessStartInfo Describe(string program, IEnumerable<string> arguments, string? workingDirectory = null) =>
        new(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "",
        };
}
