using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Work whose thread hangs in the kernel, where no token reaches it: a thread that waits for a test stands for one.</summary>
public sealed class HungRunTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly ManualResetEventSlim answers = new();
    private readonly ScriptedSource source;
    private readonly Workbench bench;

    public HungRunTests()
    {
        source = new ScriptedSource(clock, _ =>
        {
            answers.Wait(CancellationToken.None); // as the kernel does
            return Task.CompletedTask;
        });
        bench = new Workbench(clock, source: source);
    }

    public void Dispose()
    {
        answers.Set();
        Eventually.TrueAsync(() => bench.Turns.Hanging.Count == 0, "what hung ends").GetAwaiter().GetResult();
        bench.Dispose();
        answers.Dispose();
    }

    [Fact]
    public async Task It_ends_for_the_journal_and_for_its_lock_when_its_time_is_over()
    {
        var run = await HangAsync();

        Assert.Equal((RunResult.Failure, FailureKind.TimedOut), (run.Result, run.Failure!.Kind));
        Assert.Contains("exceeded its time limit of 01:00:00 and has not stopped within 15 s, probably because a disk does not answer; this agent begins nothing else of the source until it does", run.Failure.Message, StringComparison.Ordinal);
        Assert.False(bench.Turns.IsUnderWay("itsm"));
        Assert.False(bench.Journal.HasOpenBackup("itsm"));
        Assert.Equal(["itsm"], bench.Turns.Hanging.Keys);
    }

    /// <summary>Each would cost another thread.</summary>
    [Fact]
    public async Task Until_it_ends_nothing_else_of_its_source_is_begun()
    {
        await HangAsync();

        Assert.Equal(RunResult.Skipped, (await bench.RunAsync()).Result);
        answers.Set();
        await Eventually.TrueAsync(() => bench.Turns.Hanging.Count == 0, "what hung ends");

        Assert.Equal(RunResult.Success, (await bench.RunAsync()).Result);
        Assert.Single(await bench.BackupsAsync());
    }

    [Fact]
    public async Task It_takes_no_place_at_work_from_other_sources()
    {
        await HangAsync();
        var others = Enumerable.Range(0, 5).Select(number => bench.Turns.TakeAsync($"other{number}", TimeSpan.Zero, CancellationToken.None));

        foreach (var other in others)
            (await other)!.Dispose();
    }

    [Fact]
    public async Task Who_stops_it_is_not_kept_waiting()
    {
        using var stop = new CancellationTokenSource();
        var running = bench.RunAsync(cancellationToken: stop.Token);
        await Eventually.TrueAsync(() => source.Opened == 1, "it hangs");
        await stop.CancelAsync();
        await AwaitedAsync(Patience.ToStop);
        clock.Advance(Patience.ToStop);

        Assert.Equal(FailureKind.Interrupted, (await running).Failure!.Kind);
    }

    private async Task<RunRecord> HangAsync()
    {
        var running = bench.RunAsync();
        await Eventually.TrueAsync(() => source.Opened == 1, "it hangs");
        clock.Advance(TimeSpan.FromHours(1));
        await AwaitedAsync(Patience.ToStop);
        clock.Advance(Patience.ToStop);
        return await running;
    }

    private Task AwaitedAsync(TimeSpan within) => Eventually.TrueAsync(() => clock.IsAwaited(within), "somebody waits on the clock");
}
