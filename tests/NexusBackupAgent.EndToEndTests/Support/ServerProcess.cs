using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>A server program that runs until it is disposed, what it logged, and the temporary directory that is its own.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly StringBuilder log = new();
    private readonly Process process;

    private ServerProcess(string home, Process process)
    {
        Home = home;
        this.process = process;
    }

    /// <summary>Deleted with the process.</summary>
    public string Home { get; }

    public bool HasExited => process.HasExited;

    /// <summary>Both streams so far.</summary>
    public string Log
    {
        get
        {
            lock (log)
                return log.ToString();
        }
    }

    /// <summary>Starts it; when it is ready only the server itself can tell.</summary>
    /// <param name="home">An existing directory.</param>
    public static ServerProcess Start(string program, string home, params string[] arguments)
    {
        var server = new ServerProcess(home, new Process { StartInfo = Tool.Describe(program, arguments) });
        server.process.OutputDataReceived += server.Keep;
        server.process.ErrorDataReceived += server.Keep;
        server.process.Start();
        server.process.BeginOutputReadLine();
        server.process.BeginErrorReadLine();
        return server;
    }

    /// <summary>A port that was free a moment ago; servers that cannot report one that they chose themselves need it.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Kills it; its directory stays.</summary>
    public async Task KillAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
        Directory.Delete(Home, recursive: true);
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (log) log.AppendLine(line.Data);
    }
}
