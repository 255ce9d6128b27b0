using NexusBackupAgent.Common;
using NexusBackupAgent.Http;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Http;

public sealed class LiveRunsTests : IDisposable
{
    private readonly Workbench bench = new(new ManualClock(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero)));
    private readonly CollectedLog<LiveRuns> log = new();
    private readonly Caller caller = new("anna", Access.Role.Admin, Source: null, "192.0.2.7");

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task The_agents_end_stops_what_the_API_began_and_waits_for_it()
    {
        using var stop = new CancellationTokenSource();
        var runs = new LiveRuns(bench.Journal, bench.Clock, log, stop.Token);
        var cleaned = new TaskCompletionSource();
        var run = runs.Start(OperationKind.Backup, "itsm", caller, async (_, stopping) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await cleaned.Task;
            stopping.ThrowIfCancellationRequested();
            return new RunEnd(null, null);
        });

        await stop.CancelAsync();
        var idle = runs.WhenIdleAsync();
        Assert.False(idle.IsCompleted);
        cleaned.SetResult();
        await idle;

        Assert.Equal(FailureKind.Interrupted, (await run.Ended).Failure!.Kind);
        Assert.Throws<OperationCanceledException>(() => runs.Start(OperationKind.Backup, "itsm", caller, (_, _) => Task.FromResult(new RunEnd(null, null))));
        Assert.Contains(log.Lines, line => line.Contains("anna from 192.0.2.7 asked for a backup of itsm: failure", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_same_is_not_begun_twice_and_a_defect_is_a_failure()
    {
        var runs = new LiveRuns(bench.Journal, bench.Clock, log, CancellationToken.None);
        var held = new TaskCompletionSource();
        var first = runs.Start(OperationKind.Drill, "itsm", caller, async (_, _) =>
        {
            await held.Task;
            throw new InvalidOperationException("a defect");
        });

        Assert.Equal(FailureKind.Locked, Assert.Throws<BackupException>(() => runs.Start(OperationKind.Drill, "itsm", caller, (_, _) => Task.FromResult(new RunEnd(null, null)))).Kind);
        held.SetResult();

        Assert.Equal(FailureKind.Unexpected, (await first.Ended).Failure!.Kind);
        Assert.Contains(log.Lines, line => line.Contains("a defect", StringComparison.Ordinal));
    }
}
