using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>Copies are due at the start, when the first store changed, and each hour; after a failure sooner, and then later and later.</summary>
public sealed class CopyRoundsTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly FaultyStore offsite = new(new MemoryStore("offsite"), failing: 0, FaultTime.Before, staysDead: false);
    private readonly Workbench bench;
    private readonly ProtectedSource source;
    private readonly CopyRounds rounds;
    private Exception? away;

    public CopyRoundsTests()
    {
        bench = new Workbench(clock, source: new ScriptedSource(clock));
        offsite.Opening = _ => away;
        source = bench.Source with { Copies = [new CopyTarget(CatalogUse.CatalogOf(offsite, directory: ""), new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal))] };
        rounds = new CopyRounds(bench.Copies, clock);
    }

    public void Dispose()
    {
        bench.Dispose();
        offsite.Dispose();
    }

    [Fact]
    public async Task A_store_that_is_away_is_tried_after_a_minute_and_then_after_twice_as_long_each_time_up_to_an_hour()
    {
        await bench.RunAsync();
        away = new BackupException(FailureKind.StoreUnavailable, "away", "mount it");
        var waits = new List<double>();
        for (var failures = 0; failures < 9; failures++)
        {
            Assert.True(await TryAsync());
            var minutes = 0;
            while (!await IsDueAsync())
            {
                clock.Advance(TimeSpan.FromMinutes(1));
                minutes++;
            }

            waits.Add(minutes);
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60, 60], waits);
        away = null;
        Assert.True(await TryAsync());
        Assert.Single(await source.Copies[0].Catalog.AllAsync());
        Assert.False(await IsDueAsync());
    }

    [Fact]
    public async Task A_backup_that_another_process_made_is_copied_at_the_next_look()
    {
        await bench.RunAsync();
        Assert.True(await TryAsync());
        Assert.False(await TryAsync());

        clock.Advance(TimeSpan.FromMinutes(2));
        await bench.RunAsync();

        Assert.True(await TryAsync());
        Assert.Equal(2, (await source.Copies[0].Catalog.AllAsync()).Count);
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.False(await IsDueAsync());
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(await IsDueAsync());
        Assert.Single(new CopyRounds(bench.Copies, clock).Due(source, await bench.BackupsAsync())); // a start looks anew
    }

    private async Task<bool> IsDueAsync() => rounds.Due(source, await bench.BackupsAsync()).Any();

    private async Task<bool> TryAsync()
    {
        var stored = await bench.BackupsAsync();
        var due = rounds.Due(source, stored).ToList();
        foreach (var copy in due)
            await rounds.RunAsync(source, copy, stored, CancellationToken.None);
        return due.Count > 0;
    }
}
