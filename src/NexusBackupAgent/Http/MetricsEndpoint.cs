using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.DependencyInjection;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;
using NexusBackupAgent.Metrics;
using Prometheus;

namespace NexusBackupAgent.Http;

/// <summary><c>GET /metrics</c>: text 0.0.4, or OpenMetrics 1.0 for a scraper that asks for it; with gzip when asked.</summary>
internal static class MetricsEndpoint
{
    /// <summary>Whatever answers in the two formats may be compressed, also with TLS: there is no secret in them.</summary>
    public static void AddCompression(IServiceCollection services) => services.AddResponseCompression(compression =>
    {
        compression.EnableForHttps = true;
        compression.MimeTypes = MetricsFormats.MediaTypes;
        compression.Providers.Add<GzipCompressionProvider>();
    });

    public static void Map(WebApplication app, AgentMetrics metrics, AccessSettings access) =>
        Login.ProtectScrapes(app.MapGet("/metrics", (RequestDelegate)(context => AnswerAsync(context, metrics))), access);

    private static async Task AnswerAsync(HttpContext context, AgentMetrics metrics)
    {
        var format = MetricsFormats.Negotiate(context.Request.Headers.Accept);
        Exposition exposition;
        try
        {
            exposition = await metrics.CollectAsync(context.RequestAborted);
        }
        catch (BackupException failure)
        {
            // A failed scrape is what Prometheus alerts on (up == 0); half the metrics would look like all of them.
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await context.Response.WriteAsync($"{failure.Message}; next: {failure.Hint}\n", context.RequestAborted);
            return;
        }

        context.Request.Headers.Accept = format.ContentType(); // prometheus-net knows no wildcards, versions and refusals
        if (format == MetricsFormat.Text)
            context.Response.Body = new InfinityStream(context.Response.Body);
        await new MetricServerMiddleware(_ => Task.CompletedTask, new MetricServerMiddleware.Settings { Registry = exposition.Registry }).Invoke(context);
    }
}
