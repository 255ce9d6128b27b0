using System.Globalization;
using System.Text.Json;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>
/// A real Prometheus on a free loopback port, with a temporary database, that scrapes each second as job
/// <c>nexus-backup</c>. Disposing ends its process and deletes its data.
/// </summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);

    private readonly Func<ServerProcess> start;
    private readonly HttpClient http;
    private ServerProcess process;

    private PrometheusServer(Func<ServerProcess> start, Uri address)
    {
        this.start = start;
        process = start();
        http = new HttpClient { BaseAddress = address };
    }

    /// <summary>Its own web address.</summary>
    public Uri Address => http.BaseAddress!;

    /// <summary>Starts it and waits until it has scraped the target successfully.</summary>
    /// <param name="target">host:port whose <c>/metrics</c> is scraped.</param>
    /// <param name="ruleFiles">Absolute paths; evaluated each second.</param>
    /// <exception cref="InvalidOperationException">It ended, or had no successful scrape in time; the message holds its log.</exception>
    public static Task<PrometheusServer> StartAsync(string target, params string[] ruleFiles) =>
        StartConfiguredAsync(
            $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
            rule_files: {{JsonSerializer.Serialize(ruleFiles)}}
            scrape_configs:
            - job_name: nexus-backup
              static_configs: [{targets: [{{JsonSerializer.Serialize(target)}}]}]
            """,
            readyWhen: "up{job=\"nexus-backup\"} == 1");

    /// <summary>Starts it with a configuration of one's own.</summary>
    /// <param name="configuration">As YAML.</param>
    /// <param name="readyWhen">An expression that returns data once it is ready.</param>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time; the message holds its log.</exception>
    public static Task<PrometheusServer> StartConfiguredAsync(string configuration, string readyWhen, params string[] options) =>
        StartAsync(Directory.CreateTempSubdirectory("nexus-backup-prometheus-").FullName, configuration, readyWhen, options);

    /// <summary>Serves a database that was filled before; it scrapes nothing. Samples may be 15 minutes apart.</summary>
    /// <param name="home">Its directory, with the database in <c>data</c>; deleted at the end.</param>
    /// <exception cref="InvalidOperationException">It ended, or did not answer in time; the message holds its log.</exception>
    public static Task<PrometheusServer> StartOnHistoryAsync(string home) =>
        StartAsync(home, "{}", "vector(1)", "--query.lookback-delta=15m", "--storage.tsdb.retention.time=10y");

    private static async Task<PrometheusServer> StartAsync(string home, string configuration, string readyWhen, params string[] options)
    {
        var file = Path.Combine(home, "prometheus.yml");
        await File.WriteAllTextAsync(file, configuration);
        var address = $"127.0.0.1:{ServerProcess.FreePort()}";
        var server = new PrometheusServer(
            () => ServerProcess.Start("prometheus", home, [$"--config.file={file}", $"--storage.tsdb.path={Path.Combine(home, "data")}", $"--web.listen-address={address}", .. options]),
            new Uri($"http://{address}/"));
        try
        {
            await server.WaitForAsync(readyWhen);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills it, and starts it again on its database after a while.</summary>
    public async Task RestartAsync(TimeSpan pause)
    {
        await process.KillAsync();
        await Task.Delay(pause, TimeProvider.System);
        process = start();
        await WaitForAsync("vector(1)");
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
        var hadData = await Eventually.IsAsync(async () => process.HasExited || await HasDataAsync(expression), limit ?? StartLimit);
        if (!hadData || process.HasExited)
            throw new InvalidOperationException($"Prometheus never returned data for {expression}. Its log:\n{process.Log}");
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await process.DisposeAsync();
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
