using System.Net.ServerSentEvents;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace NexusBackupAgent.Http;

/// <summary>Server-sent events. A comment now and then keeps a proxy from taking silence for an end.</summary>
/// <param name="events">Each with one line of data.</param>
internal sealed class EventStream(IAsyncEnumerable<SseItem<string>> events, TimeProvider timeProvider) : IResult
{
    /// <summary>Proxies end a connection that says nothing for a minute, some for half of one.</summary>
    public static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(15);

    private const string Comment = ": at work\n\n";

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, gone) = (httpContext.Response, httpContext.RequestAborted);
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache,no-store";
        response.Headers["X-Accel-Buffering"] = "no"; // nginx keeps an answer back otherwise until there is more of it
        httpContext.Features.GetRequiredFeature<IHttpResponseBodyFeature>().DisableBuffering();
        await WriteAsync(Comment);
        await using var all = events.GetAsyncEnumerator(gone);
        while (true)
        {
            var next = all.MoveNextAsync().AsTask();
            while (!next.IsCompleted)
            {
                await ((Task)next).WaitAsync(LongestSilence, timeProvider, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it ends when the client is gone
                if (!next.IsCompleted)
                    await WriteAsync(Comment);
            }

            if (!await next)
                return;
            await WriteAsync($"event: {all.Current.EventType}\ndata: {all.Current.Data}\n\n");
        }

        async Task WriteAsync(string text)
        {
            await response.WriteAsync(text, gone);
            await response.Body.FlushAsync(gone);
        }
    }
}
