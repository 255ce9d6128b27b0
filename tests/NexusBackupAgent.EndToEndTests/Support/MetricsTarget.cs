using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace NexusBackupAgent.EndToEndTests.Support;

/// <summary>Serves a text as <c>/metrics</c> on a free loopback port.</summary>
internal sealed class MetricsTarget : IAsyncDisposable
{
    private readonly WebApplication application;

    private MetricsTarget(WebApplication application) => this.application = application;

    /// <summary>host:port, as a scrape configuration names it.</summary>
    public string Address => new Uri(application.Urls.Single()).Authority;

    public static Task<MetricsTarget> StartAsync(string text) => StartAsync(() => text);

    /// <param name="text">Asked at each scrape.</param>
    public static async Task<MetricsTarget> StartAsync(Func<string> text)
    {
        var server = WebApplication.CreateSlimBuilder().Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.MapGet("/metrics", () => Results.Text(text(), "text/plain; version=0.0.4"));
        await server.StartAsync();
        return new MetricsTarget(server);
    }

    public ValueTask DisposeAsync() => application.DisposeAsync();
}
