using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>How a tool ended.</summary>
/// <param name="ExitCode">0 to 255.</param>
/// <param name="Output">The end of what it wrote on its output and error output, in lines.</param>
internal sealed record ToolResult(int ExitCode, string Output)
{
    /// <summary>The last line that it wrote, for a message of one line; empty when it wrote nothing.</summary>
    public string LastLine => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "";
}

/// <summary>
/// Runs another program: a list of arguments, never a shell's string. What it writes is read as it comes, so that it can't
/// block on a full pipe; when time is over, it is killed with its children, except those that detached themselves before.
/// </summary>
internal static class ToolProcess
{
    // Enough to see why it failed; a tool that writes for hours must not fill the memory.
    private const int MostOutput = 16 << 10;

    // A program that has ended may have left a child that holds its output open: what it wrote itself comes at once.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    /// <summary>Runs a program to its end.</summary>
    /// <param name="command">The program (a path, or a name found on PATH) and its arguments; at least one.</param>
    /// <param name="timeout">After which it is killed.</param>
    /// <param name="environment">Added to this process's own.</param>
    /// <param name="input">Written to its standard input, which then ends. A program that does not read it is fine.</param>
    /// <param name="shownAs">How a message calls it, where its arguments may be secrets; null: the whole command.</param>
    /// <exception cref="BackupException">It could not be started (<see cref="FailureKind.Configuration"/>) or took too long (<see cref="FailureKind.TimedOut"/>).</exception>
    public static async Task<ToolResult> RunAsync(
        IReadOnlyList<string> command,
        TimeSpan timeout,
        TimeProvider timeProvider,
        CancellationToken cancellationToken,
        IReadOnlyDictionary<string, string>? environment = null,
        string input = "",
        string? shownAs = null)
    {
        using var process = Start(command, environment);
        using var limit = new TimeLimit(timeout, timeProvider, cancellationToken);
        var written = new Tail(MostOutput);
        var reading = Task.WhenAll(written.ReadAsync(process.StandardOutput), written.ReadAsync(process.StandardError));
        try
        {
            await WriteAsync(process, input, limit.Token);
            await process.WaitForExitAsync(limit.Token);
            await ReadRestAsync(reading, timeProvider, cancellationToken);
            return new ToolResult(process.ExitCode, written.ToString());
        }
        catch (OperationCanceledException stopped)
        {
            Kill(process);
            if (!limit.IsExceeded)
                throw;
            throw new BackupException(
                FailureKind.TimedOut, $"'{shownAs ?? Line(command)}' did not end within {timeout.TotalSeconds:0.#} s and was killed", "run it by hand to see what it waits for", stopped);
        }
    }

    /// <summary>Whether whoever started this process keeps a terminal that goes away from ending it: <c>nohup</c> does, and means it.</summary>
    public static bool IgnoresHangUp
    {
        get
        {
            const string Key = "SigIgn:"; // a bit for each signal, and SIGHUP is the first
            return OperatingSystem.IsLinux()
                && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal)) is { } line
                && ulong.TryParse(line.AsSpan(Key.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var ignored)
                && (ignored & 1) != 0;
        }
    }

    /// <summary>A command for people to read; quoted where a shell would need it.</summary>
    public static string Line(IReadOnlyList<string> command) =>
        string.Join(' ', command.Select(word => word.Length > 0 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./:=@%+,".Contains(letter)) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'"));

    private static Process Start(IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment)
    {
        if (ProgramFile.Find(command[0]) is not { } program)
            throw CannotRun(command[0], "there is no such program, or it may not be executed", innerException: null);
        var start = new ProcessStartInfo(program, command.Skip(1))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;
        try
        {
            return Process.Start(start)!;
        }
        catch (Exception failure) when (failure is Win32Exception or InvalidOperationException)
        {
            throw CannotRun(command[0], failure.Message, failure);
        }
    }

    private static BackupException CannotRun(string program, string why, Exception? innerException) => new(
        FailureKind.Configuration, $"cannot run '{program}': {why}", "check that it is installed and executable (command -v), or write its full path", innerException);

    private static async Task WriteAsync(Process process, string input, CancellationToken cancellationToken)
    {
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended, or closed its input, without reading: it had no use for it.
        }
    }

    private static async Task ReadRestAsync(Task reading, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        try
        {
            await reading.WaitAsync(Rest, timeProvider, cancellationToken);
        }
        catch (TimeoutException)
        {
            // How it ended is known; a service that it started goes on writing.
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception over) when (over is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It ended by itself.
        }
    }

    /// <summary>The last part of a text that comes in pieces from two streams.</summary>
    private sealed class Tail(int most)
    {
        private readonly StringBuilder text = new();

        public async Task ReadAsync(StreamReader reader)
        {
            var buffer = new char[4096];
            while (await reader.ReadAsync(buffer) is > 0 and var read)
            {
                lock (text)
                {
                    text.Append(buffer, 0, read);
                    if (text.Length > most)
                        text.Remove(0, text.Length - most);
                }
            }
        }

        public override string ToString()
        {
            lock (text)
                return text.ToString();
        }
    }
}
