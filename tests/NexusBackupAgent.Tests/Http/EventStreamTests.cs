using System.Net.ServerSentEvents;
using System.Text;
using Microsoft.AspNetCore.Http;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Http;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

public sealed class EventStreamTests
{
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task Silence_is_filled_with_comments_so_that_no_proxy_takes_it_for_an_end()
    {
        var (goOn, body) = (new TaskCompletionSource(), new MemoryStream());
        var context = new DefaultHttpContext { Response = { Body = body } };
        var served = new EventStream(Events(), clock).ExecuteAsync(context);
        Assert.Equal(": at work\n\n", Said()); // at once: the client knows that it is heard

        clock.Advance(EventStream.LongestSilence);
        await Eventually.TrueAsync(() => Task.FromResult(Said() == ": at work\n\n: at work\n\n"), "the comment");
        goOn.SetResult();
        await served;

        Assert.Equal(": at work\n\n: at work\n\nevent: end\ndata: {}\n\n", Said());
        Assert.Equal(("text/event-stream", "no"), (context.Response.ContentType, context.Response.Headers["X-Accel-Buffering"].ToString()));

        string Said() => Encoding.UTF8.GetString(body.ToArray());

        async IAsyncEnumerable<SseItem<string>> Events()
        {
            await goOn.Task;
            yield return new SseItem<string>("{}", "end");
        }
    }

    [Fact]
    public async Task A_run_that_nobody_asked_for_tells_how_far_it_is()
    {
        var source = new ScriptedSource(clock);
        using var bench = new Workbench(clock, source: source);
        ProgressDocument? seen = null;
        source.Checking = _ =>
        {
            var open = Assert.Single(bench.Journal.Open(NexusBackupAgent.Journal.OperationKind.Backup));
            seen = ProgressDocument.Of(bench.Door.MeterOf(open.Id)!);
            return Task.CompletedTask;
        };

        var run = await bench.RunAsync();

        Assert.Equal("verify", seen!.Stage);
        Assert.InRange(seen.Fraction!.Value, 0.01, 1);
        Assert.Null(bench.Door.MeterOf(run.Operation.Id));
    }
}
