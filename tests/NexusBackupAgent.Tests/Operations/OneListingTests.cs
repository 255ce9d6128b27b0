using NexusBackupAgent.Catalog;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>A store may hold a hundred thousand files, or be far away: each operation looks at its directory once.</summary>
public sealed class OneListingTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(Some.Instant);
    private readonly FaultyStore watched;
    private readonly Workbench bench;

    public OneListingTests()
    {
        watched = new FaultyStore(new LocalDirectoryStore("local", temp.Sub("store")), failing: 0, FaultTime.Before, staysDead: false);
        bench = new Workbench(clock, temp.Path, watched);
    }

    public void Dispose()
    {
        bench.Dispose();
        temp.Dispose();
    }

    [Theory]
    [InlineData(nameof(BackupType.Full))]
    [InlineData(nameof(BackupType.Differential))]
    [InlineData(nameof(BackupType.Incremental))]
    public async Task A_run_lists_the_directory_once(string type)
    {
        await BackUpAsync(TimeSpan.FromHours(1));
        var before = watched.Listings;

        var run = await bench.RunAsync(Enum.Parse<BackupType>(type));

        Assert.Null(run.Failure);
        Assert.Equal(type, run.Outcome!.Backup.Manifest.Type.ToString());
        Assert.Equal(1, watched.Listings - before);
    }

    [Fact]
    public async Task A_run_that_removes_something_lists_the_directory_once_more_before_it_decides()
    {
        await BackUpAsync(TimeSpan.FromDays(9));
        await bench.RunAsync();
        clock.Advance(TimeSpan.FromDays(9));
        var before = watched.Listings;

        var run = await bench.RunAsync();

        Assert.Contains(run.Outcome!.Decisions, decision => !decision.Keep);
        Assert.Equal(2, watched.Listings - before);
    }

    [Fact]
    public async Task Pruning_lists_the_directory_once()
    {
        await BackUpAsync(TimeSpan.FromDays(9));
        await bench.RunAsync();
        clock.Advance(TimeSpan.FromDays(9));
        await bench.RunAsync("hourly");
        clock.Advance(TimeSpan.FromDays(1));
        await bench.RunAsync("hourly");
        var source = bench.Source with { Retention = new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["hourly"] = RetentionPeriod.Parse("1h") } };
        var before = watched.Listings;

        var pruned = await bench.Prunings.RunAsync(source, TimeSpan.Zero, CancellationToken.None);

        Assert.Single(pruned.Removed);
        Assert.Equal(1, watched.Listings - before);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_verification_lists_the_directory_once(int newest)
    {
        await BackUpAsync(TimeSpan.FromHours(1));
        var backup = (await bench.BackupsAsync())[newest];
        var before = watched.Listings;

        var verified = await bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);

        Assert.Equal(BackupState.Good, verified.State);
        Assert.Equal(1, watched.Listings - before);
    }

    [Fact]
    public async Task A_restore_lists_the_directory_once()
    {
        await BackUpAsync(TimeSpan.FromHours(1));
        var before = watched.Listings;

        var restored = await bench.Restores.RestoreAsync(
            bench.Source, new RestoreWish(), Path.Combine(temp.Path, "elsewhere.db"), force: false, TimeSpan.Zero, new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { }), CancellationToken.None);

        Assert.Null(restored.Operation.Failure);
        Assert.Equal(1, watched.Listings - before);
    }

    [Fact]
    public async Task A_drill_lists_the_directory_once()
    {
        await BackUpAsync(TimeSpan.FromHours(1));
        var before = watched.Listings;

        var drilled = await bench.Drills.RunAsync(bench.Source, progress: null, TimeSpan.Zero, CancellationToken.None);

        Assert.Null(drilled.Operation.Failure);
        Assert.Equal(1, watched.Listings - before);
    }

    /// <summary>A full backup and an increment, each as long before what follows.</summary>
    private async Task BackUpAsync(TimeSpan pause)
    {
        await SqliteSamples.SqlAsync(bench.Database, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
        foreach (var type in (BackupType[])[BackupType.Full, BackupType.Incremental])
        {
            Assert.Null((await bench.RunAsync(type)).Failure);
            clock.Advance(pause);
        }
    }
}
