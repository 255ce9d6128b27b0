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
    /// <summary>How long a program may do nothing; how long it may work depends on the machine and its other work.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(5);

    /// <param name="timeout">How long it and its children may do nothing.</param>
    /// <param name="environment">Variables that it gets besides those of this process.</param>
    /// <exception cref="TimeoutException">It did nothing any more, and was killed with its children.</exception>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public static async Task<ToolResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string? workingDirectory = null,
        TimeSpan? timeout = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = new Process { StartInfo = Describe(program, arguments, workingDirectory) };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            process.StartInfo.Environment[name] = value;
        process.Start();
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();

        var limit = timeout ?? DefaultTimeout;
        if (!await EndsAsync(process, limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} did nothing for {limit}");
        }

        return new ToolResult(process.ExitCode, await output, await error);
    }

    /// <summary>Whether it ends before it and its children did nothing for so long.</summary>
    public static async Task<bool> EndsAsync(Process process, TimeSpan limit)
    {
        var end = process.WaitForExitAsync();
        var (work, since) = (0L, TimeProvider.System.GetTimestamp());
        while (await Task.WhenAny(end, Task.Delay(BetweenLooks, TimeProvider.System)) != end)
        {
            var now = ProcessTree.Work(process.Id);
            if (now != work)
                (work, since) = (now, TimeProvider.System.GetTimestamp());
            if (TimeProvider.System.GetElapsedTime(since) > limit)
                return false;
        }

        return true;
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
