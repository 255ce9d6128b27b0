using System.Net.Http.Json;
using System.Text.Json;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>A real Alertmanager on a free loopback port, without a cluster. Disposing ends its process and deletes its data.</summary>
internal sealed class AlertmanagerServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);

    private readonly ServerProcess process;
    private readonly HttpClient http;

    private AlertmanagerServer(ServerProcess process, Uri address)
    {
        this.process = process;
        http = new HttpClient { BaseAddress = address };
    }

    /// <summary>Its own web address.</summary>
    public Uri Address => http.BaseAddress!;

    /// <summary>What it logged; failed deliveries are there.</summary>
    public string Log => process.Log;

    /// <summary>Starts it and waits until it answers.</summary>
    /// <param name="configuration">As YAML; templates are named by absolute paths.</param>
    /// <param name="isVerbose">Whether it logs what it sends and what it holds back.</param>
    /// <exception cref="InvalidOperationException">It ended, or did not answer in time; the message holds its log.</exception>
    public static async Task<AlertmanagerServer> StartAsync(string configuration, bool isVerbose = false)
    {
        var home = Directory.CreateTempSubdirectory("nexus-backup-alertmanager-").FullName;
        var file = Path.Combine(home, "alertmanager.yml");
        await File.WriteAllTextAsync(file, configuration);

        var address = $"127.0.0.1:{ServerProcess.FreePort()}";
        var started = ServerProcess.Start(
            "prometheus-alertmanager", home,
            $"--config.file={file}", $"--storage.path={Path.Combine(home, "data")}", $"--web.listen-address={address}", "--cluster.listen-address=", $"--log.level={(isVerbose ? "debug" : "info")}");
        var server = new AlertmanagerServer(started, new Uri($"http://{address}/"));
        if (await Eventually.IsAsync(async () => started.HasExited || await server.IsReadyAsync(), StartLimit) && !started.HasExited)
            return server;
        var log = started.Log;
        await server.DisposeAsync();
        throw new InvalidOperationException($"Alertmanager never answered. Its log:\n{log}");
    }

    /// <summary>Tells it of alerts that fire, as Prometheus would.</summary>
    /// <param name="alerts">Their labels.</param>
    public async Task FireAsync(params IReadOnlyDictionary<string, string>[] alerts)
    {
        using var response = await http.PostAsJsonAsync("api/v2/alerts", alerts.Select(labels => new { labels }));
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Tells it of an alert that fires, with its texts.</summary>
    public async Task FireWithTextsAsync(IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> annotations)
    {
        using var response = await http.PostAsJsonAsync("api/v2/alerts", new[] { new { labels, annotations } });
        response.EnsureSuccessStatusCode();
    }

    /// <summary>The alerts that it knows.</summary>
    /// <returns>One object per alert, with members <c>labels</c> and <c>status</c>.</returns>
    public async Task<IReadOnlyList<JsonElement>> AlertsAsync()
    {
        using var document = JsonDocument.Parse(await http.GetStringAsync("api/v2/alerts"));
        return [.. document.RootElement.Clone().EnumerateArray()];
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await process.DisposeAsync();
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var response = await http.GetAsync("-/ready");
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
