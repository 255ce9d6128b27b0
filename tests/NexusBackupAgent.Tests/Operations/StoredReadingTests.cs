using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>A reading of stored bytes that takes longer than anybody may keep a source for.</summary>
public sealed class StoredReadingTests : IDisposable
{
    /// <summary>What opening a file takes: longer than files are begun for in one turn.</summary>
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(6);

    /// <summary>All cores may open one at once.</summary>
    private static readonly TimeSpan Limit = (Cores.Used + 1) * Slow;

    private readonly ManualClock clock = new(Some.Instant);
    private readonly TempDirectory root = new();
    private readonly FaultyStore store;
    private readonly Workbench bench;

    public StoredReadingTests()
    {
        store = new FaultyStore(new LocalDirectoryStore("local", Directory.CreateDirectory(root["store"]).FullName), failing: 0, FaultTime.Before, staysDead: false);
        bench = new Workbench(clock, root.Path, store, new ScriptedSource(clock));
    }

    private ProtectedSource Source => bench.Source with { TimeLimit = Limit };

    public void Dispose()
    {
        bench.Dispose();
        store.Dispose();
        root.Dispose();
    }

    [Fact]
    public async Task What_takes_longer_than_the_time_limit_in_all_is_read_to_its_end_and_others_get_the_source_meanwhile()
    {
        var backups = await BackUpAsync(Cores.Used + 3);
        store.Opening = Slowly(_ => Slow);
        var free = 0;

        var read = await ReadAsync(backups, () =>
        {
            using var held = bench.Turns.TryHold(Source.Turn);
            Assert.NotNull(held);
            free++;
        });

        Assert.Null(read.Problem);
        Assert.Equal(backups.Select(backup => backup.Id), read.Readings.Where(reading => reading.Result is not null).Select(reading => reading.Backup.Id));
        Assert.True(clock.GetUtcNow() - Some.Instant > Limit);
        Assert.True(free > 0);
        Assert.True(Assert.Single(Entries()).Succeeded);
    }

    [Fact]
    public async Task A_file_that_takes_too_long_takes_nothing_from_what_was_read_before_it()
    {
        var backups = await BackUpAsync(Cores.Used + 2);
        var hard = backups[^1];
        store.Opening = Slowly(path => path == hard.File ? Limit * 2 : Slow);

        var read = await ReadAsync(backups);

        Assert.Equal(FailureKind.TimedOut, read.Problem!.Kind);
        Assert.True(read.Readings.Count >= 2); // all but those that were begun with it
        Assert.All(read.Readings, reading => Assert.NotNull(reading.Result));
        Assert.DoesNotContain(hard.Id, read.Readings.Select(reading => reading.Backup.Id));
        Assert.Equal(FailureKind.TimedOut, Assert.Single(Entries()).Failure!.Kind);
    }

    private async Task<IReadOnlyList<Backup>> BackUpAsync(int count)
    {
        for (var made = 0; made < count; made++)
        {
            await bench.RunAsync();
            clock.Advance(TimeSpan.FromHours(1));
        }

        return await bench.BackupsAsync();
    }

    private Func<string, Exception?> Slowly(Func<string, TimeSpan> time) => path =>
    {
        if (path.EndsWith(".db.gz", StringComparison.Ordinal))
            clock.Advance(time(path));
        return null;
    };

    /// <param name="between">What is done each time that the reading lets others have the source.</param>
    private async Task<StoredReadings> ReadAsync(IReadOnlyList<Backup> backups, Action? between = null)
    {
        var soon = TimeSpan.FromSeconds(1);
        var reading = Task.Run(() => bench.Verifications.ReadStoredAsync(Source, backups, TimeSpan.Zero, progress: null, CancellationToken.None));
        await Eventually.TrueAsync(
            () =>
            {
                if (!reading.IsCompleted && clock.IsAwaited(soon))
                {
                    between?.Invoke();
                    clock.Advance(soon);
                }

                return reading.IsCompleted;
            },
            "the reading ended");
        return await reading;
    }

    private IEnumerable<Operation> Entries() => bench.Journal.Since("itsm", default).Where(operation => operation.Kind == OperationKind.Verification);
}
