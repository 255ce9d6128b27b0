using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A scheduler with real runs on a clock that a test moves.</summary>
internal sealed class ManualAgent : IAsyncDisposable, ILogger<JobScheduler>, ILogger<ChoreRota>
{
    private readonly CancellationTokenSource stop = new();
    private readonly Workbench bench;
    private Task? running;

    public ManualAgent(ManualClock clock, string root, TimeZoneInfo? zone = null)
    {
        Clock = clock;
        bench = new Workbench(clock, root, source: new ScriptedSource(clock));
        var zoneOfAll = zone ?? TimeZoneInfo.Utc;
        var rounds = new VerificationRounds(bench.Verifications, bench.Replacements, bench.Journal, zoneOfAll, clock, NullLogger<VerificationRounds>.Instance);
        var rota = new ChoreRota(Chore.All(rounds, bench.Drills), bench.Journal, zoneOfAll, this);
        Scheduler = new JobScheduler(new SourceRoster(current => Task.FromResult(Discover(current))), bench.Backups, new SourceUpkeep(bench.Backups, bench.Verifications, bench.Replacements, clock, this), rota, bench.Journal, zoneOfAll, clock, this);
    }

    public ManualClock Clock { get; }

    public JobScheduler Scheduler { get; }

    public OperationJournal Journal => bench.Journal;

    public ConcurrentQueue<string> Log { get; } = new();

    /// <summary>Lists the sources, as the configuration and its globs would.</summary>
    public Func<IReadOnlyList<ScheduledSource>, IReadOnlyList<ScheduledSource>> Discover { get; set; } = _ => [];

    /// <summary>A source with backups in a directory of its name.</summary>
    public ScheduledSource Source(string name, ScriptedSource? source = null, params (string Name, string Cron)[] schedules) => new(
        bench.Source with
        {
            Name = name,
            Source = source ?? new ScriptedSource(Clock),
            Catalog = new BackupCatalog(bench.Store, name, name, "sqlite", CatalogUse.Formats, TimeZoneInfo.Utc),
        },
        [.. schedules.Select(schedule => new Schedule(schedule.Name, CronSchedule.Parse(schedule.Cron), BackupType.Full))],
        TimeSpan.FromHours(24),
        TimeSpan.FromHours(48));

    public string StorePath(string source) => Directory.CreateDirectory(Path.Combine(bench.StorePath, source)).FullName;

    public void Start() => running = Task.Run(() => Scheduler.RunAsync(stop.Token));

    /// <summary>Lets the clock run, never faster than the scheduler looks at it.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        var step = TimeSpan.FromSeconds(15);
        for (var passed = TimeSpan.Zero; passed < by; passed += step)
        {
            await ArmedAsync();
            Clock.Advance(step < by - passed ? step : by - passed);
        }

        await ArmedAsync();
    }

    /// <summary>
    /// Passes a time in which nothing is due in one leap; the scheduler sees its end. What was begun ends before it: a
    /// leap past the patience with it would put the next work beside it, to wait for its turn by a clock that stands.
    /// </summary>
    public async Task SkipAsync(TimeSpan by)
    {
        var step = TimeSpan.FromSeconds(15);
        await ArmedAsync();
        await Scheduler.WhenIdleAsync();
        Clock.SetWallClock(Clock.GetUtcNow() + by - step);
        await AdvanceAsync(step);
    }

    public async Task<IReadOnlyList<Backup>> BackupsAsync(string source) =>
        await Scheduled(source).Source.Catalog.ListAsync(CancellationToken.None);

    /// <summary>Reads the newest backup back, as the command line does.</summary>
    public async Task<Backup> VerifyAsync(string source) => await bench.Verifications.VerifyAsync(
        Scheduled(source).Source, (await BackupsAsync(source))[0], TimeSpan.FromSeconds(30), progress: null, CancellationToken.None);

    /// <summary>Waits until so many runs of a schedule ended.</summary>
    public Task RunsAsync(string source, string schedule, int count, string result = "success") => Eventually.TrueAsync(
        () => Journal.Read().Runs.GetValueOrDefault((source, schedule, result)) == count, $"{count} × {result} of {source}/{schedule}; log: {string.Join("; ", Log)}");

    public long Runs(string source, string schedule, string result = "success") => Journal.Read().Runs.GetValueOrDefault((source, schedule, result));

    /// <summary>As SIGTERM does.</summary>
    public async Task StopAsync()
    {
        await stop.CancelAsync();
        if (running is not null)
            await running.WaitAsync(TimeSpan.FromMinutes(3));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Scheduler.Dispose();
        bench.Dispose();
        stop.Dispose();
    }

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Log.Enqueue($"{eventId.Name}: {formatter(state, exception)}");

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    private ScheduledSource Scheduled(string source) => Discover([]).Single(scheduled => scheduled.Name == source);

    private async Task ArmedAsync()
    {
        await Eventually.TrueAsync(() => running!.IsCompleted || Clock.IsAwaited(TimeSpan.FromSeconds(15)), "the scheduler waits");
        if (running!.IsFaulted)
            await running;
    }
}
