using System.Buffers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using NexusBackupAgent.Common;
using NexusBackupAgent.Metrics;

namespace NexusBackupAgent.Http;

/// <summary><c>GET /metrics</c>: text 0.0.4, or OpenMetrics 1.0 for a scraper that asks for it.</summary>
internal static class MetricsEndpoint
{
    /// <summary>Bytes.</summary>
    private const int SmallestBuffer = 64 << 10;

    public static void Map(WebApplication app, AgentMetrics metrics)
    {
        ArrayBufferWriter<byte>? kept = null; // a thousand sources fill megabytes, which the heap's collector need not find anew at each scrape
        app.MapGet("/metrics", (RequestDelegate)(async context =>
        {
            var text = Interlocked.Exchange(ref kept, null) ?? new ArrayBufferWriter<byte>(SmallestBuffer);
            text.ResetWrittenCount();
            await AnswerAsync(context, metrics, text);
            kept = text;
        }));
    }

    private static async Task AnswerAsync(HttpContext context, AgentMetrics metrics, ArrayBufferWriter<byte> text)
    {
        var format = ExpositionFormats.Negotiate(context.Request.Headers.Accept);
        IReadOnlyList<MetricFamily> families;
        try
        {
            families = await metrics.CollectAsync(context.RequestAborted);
        }
        catch (BackupException failure)
        {
            // A failed scrape is what Prometheus alerts on (up == 0); half the metrics would look like all of them.
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await context.Response.WriteAsync($"{failure.Message}; next: {failure.Hint}\n", context.RequestAborted);
            return;
        }

        PrometheusText.Write(families, format, text);
        context.Response.ContentType = format.ContentType();
        context.Response.ContentLength = text.WrittenCount;
        await context.Response.Body.WriteAsync(text.WrittenMemory, context.RequestAborted);
    }
}
