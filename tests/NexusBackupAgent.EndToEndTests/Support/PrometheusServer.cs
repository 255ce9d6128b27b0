using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>
/// A real Prometheus on a free loopback port, with a temporary database, that scrapes one target each second as job
/// <c>nexus-backup</c>. Disposing ends its process and deletes its data.
/// </summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    private readonly StringBuilder log = new();
    private readonly string directory;
    private readonly Process process;
    private readonly HttpClient http;

    private PrometheusServer(string directory, Process process, Uri address)
    {
        this.directory = directory;
        this.process = process;
        http = new HttpClient { BaseAddress = address };
    }

    /// <summary>Its own web address.</summary>
    public Uri Address => http.BaseAddress!;

    /// <summary>Starts it and waits until it has scraped the target successfully.</summary>
    /// <param name="target">host:port whose <c>/metrics</c> is scraped.</param>
    /// <param name="ruleFiles">Absolute paths; evaluated each second.</param>
    /// <exception cref="InvalidOperationException">It ended, or had no successful scrape in time; the message holds its log.</exception>
    public static async Task<PrometheusServer> StartAsync(string target, params string[] ruleFiles)
    {
        var home = Directory.CreateTempSubdirectory("nexus-backup-prometheus-").FullName;
        return await StartAsync(home, Configuration(target, ruleFiles), "up{job=\"nexus-backup\"} == 1");
    }

    /// <summary>Serves a database that was filled before; it scrapes nothing. Samples may be 15 minutes apart.</summary>
    /// <param name="home">Its directory, with the database in <c>data</c>; deleted at the end.</param>
    /// <exception cref="InvalidOperationException">It ended, or did not answer in time; the message holds its log.</exception>
    public static Task<PrometheusServer> StartOnHistoryAsync(string home) =>
        StartAsync(home, "{}", "vector(1)", "--query.lookback-delta=15m", "--storage.tsdb.retention.time=10y");

    private static async Task<PrometheusServer> StartAsync(string home, string configuration, string readyWhen, params string[] options)
    {
        var file = Path.Combine(home, "prometheus.yml");
        await File.WriteAllTextAsync(file, configuration);
        var address = $"127.0.0.1:{FreePort()}";
        string[] arguments = [$"--config.file={file}", $"--storage.tsdb.path={Path.Combine(home, "data")}", $"--web.listen-address={address}", .. options];
        var server = new PrometheusServer(home, new Process { StartInfo = Tool.Describe("prometheus", arguments) }, new Uri($"http://{address}/"));
        try
        {
            server.Start();
            await server.WaitForAsync(readyWhen);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Evaluates an instant query, now unless told otherwise.</summary>
    /// <param name="at">Unix seconds.</param>
    /// <returns>One object per series, with members <c>metric</c> and <c>value</c>.</returns>
    /// <exception cref="InvalidOperationException">Prometheus refused the expression.</exception>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(string expression, long? at = null)
    {
        KeyValuePair<string, string>[] time = at is { } second ? [KeyValuePair.Create("time", second.ToString(CultureInfo.InvariantCulture))] : [];
        using var content = new FormUrlEncodedContent([KeyValuePair.Create("query", expression), .. time]);
        using var response = await http.PostAsync("api/v1/query", content);
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        if (document.RootElement.TryGetProperty("error", out var error))
            throw new InvalidOperationException($"{error.GetString()}: {expression}");
        return [.. document.RootElement.GetProperty("data").GetProperty("result").Clone().EnumerateArray()];
    }

    /// <summary>Repeats a query until it returns data.</summary>
    /// <exception cref="InvalidOperationException">It never did within the limit; the message holds Prometheus's log.</exception>
    public async Task WaitForAsync(string expression, TimeSpan? limit = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await HasDataAsync(expression))
        {
            if (process.HasExited || TimeProvider.System.GetElapsedTime(started) > (limit ?? StartLimit))
                throw new InvalidOperationException($"Prometheus never returned data for {expression}. Its log:\n{Log()}");
            await Task.Delay(PollInterval, TimeProvider.System);
        }
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    private static string Configuration(string target, IEnumerable<string> ruleFiles) => $$"""
        global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
        rule_files: {{JsonSerializer.Serialize(ruleFiles)}}
        scrape_configs:
        - job_name: nexus-backup
          static_configs: [{targets: [{{JsonSerializer.Serialize(target)}}]}]
        """;

    /// <summary>A port that was free a moment ago; Prometheus cannot report one that it chose itself.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void Start()
    {
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (log) log.AppendLine(line.Data);
    }

    private string Log()
    {
        lock (log) return log.ToString();
    }

    private async Task<bool> HasDataAsync(string expression)
    {
        try
        {
            return (await QueryAsync(expression)).Count > 0;
        }
        catch (Exception notReady) when (notReady is HttpRequestException or JsonException)
        {
            return false;
        }
    }
}
