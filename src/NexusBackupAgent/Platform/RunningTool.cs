using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>A tool that runs: a stream in, a stream out, and what it says. Disposing it kills one that still runs, with its children.</summary>
internal class RunningTool : IAsyncDisposable
{
    private const int MostSaid = 16 << 10;

    private readonly Process process;
    private readonly StringBuilder said = new();
    private readonly Task listening;

    /// <param name="environment">Changes what the tool inherits; null: nothing.</param>
    /// <exception cref="BackupException">It can't be started.</exception>
    protected RunningTool(string program, IReadOnlyList<string> arguments, Action<IDictionary<string, string?>>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardErrorEncoding = Encoding.UTF8 };
        environment?.Invoke(start.Environment);
        try
        {
            process = Process.Start(start)!;
        }
        catch (Exception failure) when (failure is Win32Exception or InvalidOperationException)
        {
            throw new BackupException(FailureKind.Configuration, $"cannot run '{program}': {failure.Message}", "check that it is installed and executable", failure);
        }

        listening = ListenAsync();
    }

    public Stream Input => process.StandardInput.BaseStream;

    public Stream Output => process.StandardOutput.BaseStream;

    public int ProcessId => process.Id;

    /// <summary>Ends it now; one that has ended is left alone.</summary>
    public void Kill()
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

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            Kill();
            await process.WaitForExitAsync();
        }

        process.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>How it ended, and the end of what it wrote on its error output.</returns>
    protected async Task<(int ExitCode, string Said)> WaitAsync(CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken);
        await listening.WaitAsync(cancellationToken);
        lock (said)
            return (process.ExitCode, said.ToString());
    }

    private async Task ListenAsync()
    {
        var buffer = new char[1024];
        while (await process.StandardError.ReadAsync(buffer) is > 0 and var read)
        {
            lock (said)
            {
                said.Append(buffer, 0, read);
                if (said.Length > MostSaid)
                    said.Remove(0, said.Length - MostSaid);
            }
        }
    }
}
