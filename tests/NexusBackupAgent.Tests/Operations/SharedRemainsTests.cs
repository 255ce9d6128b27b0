using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>What captures keep outside of the stores belongs to the backups of all of them: one whose disk is not mounted needs what it needed.</summary>
public sealed class SharedRemainsTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly TempDirectory home = new();
    private readonly NotedRemains remains = new();
    private readonly StoreMarks marks;
    private readonly ScriptedSource scripted;
    private readonly Workbench bench;
    private readonly ProtectedSource source;

    public SharedRemainsTests()
    {
        marks = new StoreMarks(home.Sub("memory"), clock);
        scripted = new ScriptedSource(clock) { Remains = remains };
        bench = new Workbench(clock, home.Sub("bench"), source: scripted);
        var offsite = new LocalDirectoryStore("offsite", home.Sub("offsite"));
        var periods = new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { ["daily"] = RetentionPeriod.Parse("2d") };
        source = bench.Source with { Marks = marks, Copies = [new CopyTarget(CatalogUse.CatalogOf(offsite, directory: ""), periods)] };
    }

    public void Dispose()
    {
        bench.Dispose();
        home.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("lost+found")] // it is not quite empty
    public async Task A_mount_point_without_its_disk_lets_nothing_go(string left)
    {
        await DayAsync();
        var gone = await GoneEverywhereAsync();
        Unmount("offsite", left);

        Assert.Contains("'offsite'", await TryReleaseAsync(gone), StringComparison.Ordinal);
        await source.Remains!.SettleAsync([], clock.GetUtcNow(), CancellationToken.None);
        Assert.Empty(remains.Released);
        Assert.Equal(0, remains.Settled);

        Mount("offsite");
        Assert.Null(await TryReleaseAsync(gone));
        Assert.Equal([gone[^1]], remains.Released); // not the one that its copy needs
    }

    [Fact]
    public async Task While_one_store_is_away_no_backup_goes_from_another_and_later_each_goes_with_what_it_kept()
    {
        for (var day = 0; day < 3; day++)
            await DayAsync();
        var captured = (await bench.BackupsAsync()).Select(backup => backup.CapturedAt).ToList();
        Assert.Equal(2, (await CopiesAsync()).Count); // the oldest went there alone, and its snapshot stays for the first store
        Assert.Empty(remains.Released);

        Unmount("offsite", "lost+found");
        clock.Advance(TimeSpan.FromDays(20));
        var run = await RunAsync();
        Assert.Equal((null, 4), (run.Failure, (await bench.BackupsAsync()).Count)); // the store that is away fails no run
        var plan = await bench.Prunings.RunAsync(source, TimeSpan.Zero, CancellationToken.None);
        Assert.Empty(plan.Removed);
        Assert.Contains("a copy may need its snapshot, and store 'offsite'", plan.Decisions[^1].Reasons[^1], StringComparison.Ordinal);
        Mount("offsite");

        // the first store's disk is not mounted: copies stay as well
        Unmount("bench/store", "");
        Assert.Null((await CopyAsync()).Failure);
        Assert.Equal(2, (await CopiesAsync()).Count);
        Mount("bench/store");
        Assert.Empty(remains.Released);

        await CopyAsync();
        await bench.Prunings.RunAsync(source, TimeSpan.Zero, CancellationToken.None);
        Assert.Single(await bench.BackupsAsync());
        Assert.Single(await CopiesAsync());
        Assert.Equal(captured.Order(), remains.Released.Distinct().Order());
    }

    [Fact]
    public async Task A_copy_is_good_only_once_what_it_names_was_looked_at_and_what_is_lost_there_no_copy_brings_back()
    {
        await DayAsync();
        var first = Assert.Single(await bench.BackupsAsync());

        // who can't look keeps the time of the last look
        clock.Advance(TimeSpan.FromHours(1));
        foreach (var file in Directory.GetFiles(home["offsite"]))
            File.Delete(file);
        scripted.Checking = ScriptedSource.Fails(FailureKind.Network);
        Assert.Equal(FailureKind.Network, (await CopyAsync()).Failure!.Kind);
        Assert.Equal(first.Verification!.VerifiedAt, Assert.Single(await CopiesAsync()).Verification!.VerifiedAt);
        scripted.Checking = null;

        // lost between the run and its copy
        clock.Advance(TimeSpan.FromDays(1));
        var lost = (await RunAsync()).Outcome!.Backup;
        scripted.Finding = "1 missing: a";
        var copy = await CopyAsync();
        Assert.Contains($"the copy of {lost.File} in store 'offsite' does not count: 1 missing: a", copy.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(BackupState.Quarantined, Assert.Single(await CopiesAsync(), other => other.Id == lost.Id).State);
        Assert.Null((await CopyAsync()).Failure); // it is not tried each hour again

        // nor is a copy brought back: its twin names the same
        Assert.Equal(BackupState.Quarantined, (await bench.Verifications.VerifyAsync(source, lost, TimeSpan.Zero, progress: null, CancellationToken.None)).State);
        Assert.Empty(await bench.Copies.MendFirstAsync(source, TimeSpan.Zero, evenLost: false, progress: null, CancellationToken.None));
    }

    /// <returns>The instants of a backup that has a copy, and of one that never was.</returns>
    private async Task<IReadOnlyList<DateTimeOffset>> GoneEverywhereAsync()
    {
        remains.Forget();
        return [Assert.Single(await bench.BackupsAsync()).CapturedAt, clock.GetUtcNow() + TimeSpan.FromMinutes(1)];
    }

    /// <returns>Why not.</returns>
    private async Task<string?> TryReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured)
    {
        try
        {
            await source.Remains!.ReleaseAsync(captured, CancellationToken.None);
            return null;
        }
        catch (BackupException refused) when (refused.Kind == FailureKind.StoreUnavailable)
        {
            return refused.Message;
        }
    }

    private async Task DayAsync()
    {
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Null((await RunAsync()).Failure);
        await CopyAsync();
        foreach (var catalog in source.Copies.Select(copy => copy.Catalog).Prepend(source.Catalog))
            await marks.RequireAsync(catalog.Store, () => false, CancellationToken.None);
    }

    private Task<RunRecord> RunAsync() => bench.Backups.RunAsync(source, "daily", BackupType.Full, TimeSpan.Zero, progress: null, CancellationToken.None);

    private Task<IReadOnlyList<Backup>> CopiesAsync() => source.Copies[0].Catalog.AllAsync();

    private async Task<CopyRecord> CopyAsync() => Assert.Single(await bench.Copies.RunAsync(source, TimeSpan.Zero, progress: null, CancellationToken.None));

    private void Unmount(string store, string left)
    {
        Directory.Move(home[store], home["unmounted"]);
        Directory.CreateDirectory(Path.Combine(home[store], left));
    }

    private void Mount(string store)
    {
        Directory.Delete(home[store], recursive: true);
        Directory.Move(home["unmounted"], home[store]);
    }

    private sealed class NotedRemains : IRemains
    {
        public List<DateTimeOffset> Released { get; } = [];

        public int Settled { get; private set; }

        public void Forget()
        {
            Released.Clear();
            Settled = 0;
        }

        public Task ReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured, CancellationToken cancellationToken)
        {
            Released.AddRange(captured);
            return Task.CompletedTask;
        }

        public Task SettleAsync(IReadOnlyCollection<DateTimeOffset> captured, DateTimeOffset before, CancellationToken cancellationToken)
        {
            Settled++;
            return Task.CompletedTask;
        }
    }
}
