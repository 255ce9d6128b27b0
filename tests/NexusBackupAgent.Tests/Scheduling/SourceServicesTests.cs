using NexusBackupAgent.Common;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>What a source has running beside its schedules runs as long as the source and the agent do.</summary>
public sealed class SourceServicesTests : IAsyncDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly CancellationTokenSource stop = new();
    private readonly CollectedLog<SourceServices> log = new();
    private readonly Service service = new();
    private readonly Workbench bench;
    private readonly Task running;
    private IReadOnlyList<ScheduledSource> sources;
    private readonly SourceRoster roster;

    public SourceServicesTests()
    {
        bench = new Workbench(clock, source: new ScriptedSource(clock) { Service = service });
        sources = [new ScheduledSource(bench.Source, [new Schedule("daily", CronSchedule.Parse("0 2 * * *"), BackupType.Full)], TimeSpan.FromHours(24), TimeSpan.FromHours(48))];
        roster = new SourceRoster(_ => Task.FromResult(sources));
        roster.RefreshAsync().GetAwaiter().GetResult();
        running = Task.Run(() => new SourceServices(roster, bench.Backups, clock, log).RunAsync(stop.Token));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromMinutes(3));
        bench.Dispose();
        stop.Dispose();
    }

    [Fact]
    public async Task What_broke_off_is_begun_again_later_each_time_and_told_once()
    {
        await BegunAsync(1);
        foreach (var (seconds, count) in ((int, int)[])[(1, 2), (2, 3), (4, 4)])
        {
            service.Break();
            await AwaitedAsync(seconds);
            clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.Equal(count - 1, service.Begun);
            clock.Advance(TimeSpan.FromMilliseconds(1));
            await BegunAsync(count);
        }

        Assert.Contains("stream_broke", Assert.Single(log.Lines), StringComparison.Ordinal);
        Assert.Contains("the server broke off", log.Lines.Single(), StringComparison.Ordinal);

        clock.Advance(TimeSpan.FromMinutes(2)); // it worked: the next trouble is a new one
        service.Break();
        await AwaitedAsync(1);
        Assert.Equal(2, log.Lines.Count);
    }

    [Fact]
    public async Task A_gap_is_told_and_a_full_backup_is_made_at_once_beside_what_goes_on()
    {
        await BegunAsync(1);

        service.OnGap!(new BackupException(FailureKind.SourceGap, "a gap", "look"));

        await Eventually.TrueAsync(() => bench.Journal.Read().Runs.GetValueOrDefault(("itsm", "daily", "success")) == 1, "a backup of the schedule that makes full ones");
        Assert.Contains("stream_gap", Assert.Single(log.Lines), StringComparison.Ordinal);
        Assert.False(service.HasEnded);
    }

    [Fact]
    public async Task It_ends_with_its_source_and_with_the_agent()
    {
        await BegunAsync(1);
        sources = [];
        await roster.RefreshAsync();
        await Eventually.TrueAsync(() => service.HasEnded, "it ends with its source");

        sources = [new ScheduledSource(bench.Source, [], TimeSpan.FromHours(24), TimeSpan.FromHours(48))];
        await roster.RefreshAsync();
        await BegunAsync(2);
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromMinutes(3));
        Assert.True(service.HasEnded);
    }

    private Task BegunAsync(int count) => Eventually.TrueAsync(() => service.Begun == count, $"begun {count} times");

    private Task AwaitedAsync(int seconds) => Eventually.TrueAsync(() => clock.IsAwaited(TimeSpan.FromSeconds(seconds)), "somebody waits");

    private sealed class Service : ISourceService
    {
        private TaskCompletionSource work = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int begun;

        public int Begun => Volatile.Read(ref begun);

        public bool HasEnded { get; private set; }

        public Action<BackupException>? OnGap { get; private set; }

        public StreamState State => new(IsUp: !HasEnded, Some.Instant, Lag: 0, Limit: 1, LastGapAt: null);

        public void Break() => work.SetException(new BackupException(FailureKind.SourceUnreachable, "the server broke off", "see its log"));

        public async Task RunAsync(Action<BackupException> onGap, CancellationToken cancellationToken)
        {
            (OnGap, HasEnded) = (onGap, false);
            work = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Interlocked.Increment(ref begun);
            try
            {
                await work.Task.WaitAsync(cancellationToken);
            }
            finally
            {
                HasEnded = true;
            }
        }
    }
}
