using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>An agent at work as a service, and what it costs. Killed at the end.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(2);

    private readonly HttpClient client = new(new SocketsHttpHandler { UseProxy = false });
    private readonly Process process;
    private readonly Uri metrics;

    private RunningAgent(Process process, Uri address)
    {
        this.process = process;
        metrics = new Uri(address, "/metrics");
    }

    /// <summary>From the start of the process to its first answered scrape.</summary>
    public TimeSpan StartTook { get; private set; }

    /// <summary>Seconds of all its threads since its start, in hundredths.</summary>
    public double CpuSeconds
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime.TotalSeconds;
        }
    }

    /// <summary>MB (10⁶ bytes) of memory in use now, pages of files included (<c>VmRSS</c>).</summary>
    public double ResidentMegabytes => ProcessMemory.Read(process.Id, "VmRSS") / 1e6;

    /// <exception cref="InvalidOperationException">It ended, or did not answer within two minutes.</exception>
    public static async Task<RunningAgent> StartAsync(AgentUnderTest agent, Uri address)
    {
        var started = Stopwatch.GetTimestamp();
        var running = new RunningAgent(agent.StartService(), address);
        running.process.OutputDataReceived += (_, _) => { }; // a full pipe would stop it
        running.process.BeginOutputReadLine();
        try
        {
            while (!await running.AnswersAsync())
            {
                if (running.process.HasExited || Stopwatch.GetElapsedTime(started) > Limit)
                    throw new InvalidOperationException("the agent does not answer");
                await Pause.ForAsync(BetweenTries);
            }

            running.StartTook = Stopwatch.GetElapsedTime(started);
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <returns>The metrics, and how long they took.</returns>
    /// <exception cref="HttpRequestException">The agent does not answer, or not well.</exception>
    public async Task<(string Text, TimeSpan Took)> ScrapeAsync()
    {
        var started = Stopwatch.GetTimestamp();
        var text = await client.GetStringAsync(metrics);
        return (text, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Asks as Prometheus does: OpenMetrics, compressed.</summary>
    /// <returns>What went over the line, in bytes, and how long it took.</returns>
    /// <exception cref="HttpRequestException">The agent does not answer, or not well.</exception>
    public async Task<(int Bytes, TimeSpan Took)> ScrapeAsPrometheusAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, metrics);
        request.Headers.Add("Accept", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
        request.Headers.Add("Accept-Encoding", "gzip");
        var started = Stopwatch.GetTimestamp();
        using var response = await client.SendAsync(request);
        var bytes = await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
        return (bytes.Length, Stopwatch.GetElapsedTime(started));
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        client.Dispose();
    }

    /// <summary>A port of this machine that nothing listens on.</summary>
    public static Uri FreeAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri($"http://{listener.LocalEndpoint}");
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return (await ScrapeAsync()).Text.Contains("nexus_backup_", StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            return false; // not listening yet
        }
    }
}
