using NexusBackupAgent.Catalog;
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
    private readonly Workbench bench;
    private readonly ProtectedSource source;

    public SharedRemainsTests()
    {
        marks = new StoreMarks(home.Sub("memory"));
        bench = new Workbench(clock, home.Sub("bench"), source: new ScriptedSource(clock) { Remains = remains });
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

        await TryReleaseAsync(gone);
        await source.Remains!.SettleAsync([], clock.GetUtcNow(), CancellationToken.None);
        Assert.Empty(remains.Released);
        Assert.Equal(0, remains.Settled);

        Mount("offsite");
        await TryReleaseAsync(gone);
        Assert.Equal([gone[^1]], remains.Released); // not the one that its copy needs
    }

    /// <returns>The instants of a backup that has a copy, and of one that never was.</returns>
    private async Task<IReadOnlyList<DateTimeOffset>> GoneEverywhereAsync()
    {
        remains.Forget();
        return [Assert.Single(await bench.BackupsAsync()).CapturedAt, clock.GetUtcNow() + TimeSpan.FromMinutes(1)];
    }

    private async Task TryReleaseAsync(IReadOnlyCollection<DateTimeOffset> captured) => await source.Remains!.ReleaseAsync(captured, CancellationToken.None);

    private async Task DayAsync()
    {
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Null((await bench.Backups.RunAsync(source, "daily", BackupType.Full, TimeSpan.Zero, progress: null, CancellationToken.None)).Failure);
        await CopyAsync();
        foreach (var catalog in source.Copies.Select(copy => copy.Catalog).Prepend(source.Catalog))
            await marks.RequireAsync(catalog.Store, () => false, CancellationToken.None);
    }

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
