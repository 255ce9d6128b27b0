using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>A link of a chain is found damaged: a new full backup is made at once, and once, and the levels tell of one news.</summary>
public sealed class ChainReplacementTests
{
    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Whichever_link_is_damaged_one_full_backup_replaces_it_and_increments_build_on_that(int damaged)
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;
        Damage.FlipBit(bench.Stored(chain[damaged]));
        await bench.VerifyAsync(await bench.FindAsync(chain[3]));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));

        var run = await ReplaceAsync(bench);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal((null, BackupType.Full), (run!.Failure, run.Outcome!.Backup.Manifest.Type));
        Assert.Null(await ReplaceAsync(bench));
        bench.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(run.Outcome.Backup.Id, (await bench.IncrementAsync()).Manifest.Base);
        Assert.Null(await ReplaceAsync(bench));
    }

    [SkippableFact]
    public async Task An_increment_on_an_older_chain_that_comes_first_replaces_nothing()
    {
        var (bench, _) = await ChainBench.WithAsync(increments: 1);
        using var __ = bench;
        bench.Clock.Advance(TimeSpan.FromHours(1));
        var lost = await bench.FullAsync();
        Damage.FlipBit(bench.Stored(lost));
        await bench.VerifyAsync(await bench.FindAsync(lost));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var between = await bench.IncrementAsync();
        bench.Clock.Advance(TimeSpan.FromMinutes(1));

        var run = await ReplaceAsync(bench);

        Assert.Equal(BackupType.Incremental, between.Manifest.Type);
        Assert.Equal((null, BackupType.Full), (run!.Failure, run.Outcome!.Backup.Manifest.Type));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(await ReplaceAsync(bench));
    }

    [SkippableFact]
    public async Task A_base_that_was_damaged_since_it_was_proven_is_found_when_the_whole_is_read_and_a_full_backup_follows()
    {
        using var temp = new TempDirectory();
        FaultyStore? store = null;
        var (bench, chain) = await ChainBench.WithAsync(increments: 1, _ => store = new FaultyStore(new LocalDirectoryStore("local", temp.Path), 0, FaultTime.Before, staysDead: false));
        using var _ = bench;
        Damage.FlipBit(store!.Describe(chain[0].File));
        store.Opening = _ =>
        {
            bench.Clock.Advance(TimeSpan.FromMilliseconds(10)); // a run takes its time
            return null;
        };

        var run = await bench.RunAsync("daily", BackupType.Incremental);
        var read = await bench.VerifyAsync(run.Outcome!.Backup);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var replacement = await ReplaceAsync(bench);

        Assert.Equal((Proof.Chain, BackupState.Quarantined), (run.Outcome.Backup.Proof!.Value, read.State));
        Assert.StartsWith($"{chain[0].File}, which it needs, is corrupt", read.BrokenChain, StringComparison.Ordinal);
        Assert.Equal((null, BackupType.Full), (replacement!.Failure, replacement.Outcome!.Backup.Manifest.Type));
    }

    [SkippableFact]
    public async Task What_builds_on_a_damaged_one_is_told_with_it_as_one_reason()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;
        Damage.FlipBit(bench.Stored(chain[1]));
        await bench.VerifyAsync(await bench.FindAsync(chain[1]));

        var reason = Assert.Single(await DecideAsync(bench, at: bench.Clock.GetUtcNow()));
        Assert.Equal("a backup was set aside as corrupt within the last day, and 2 that build on what is corrupt can't be restored", reason.Reason.English);
        Assert.DoesNotContain(await DecideAsync(bench, at: bench.Clock.GetUtcNow().AddHours(25)), later => later.Cause == EscalationCause.Corrupt);
    }

    [SkippableFact]
    public async Task A_base_that_is_gone_is_news_because_nothing_else_tells_of_it()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;
        File.Delete(bench.Stored(chain[2]));

        Assert.Equal("1 backup can't be restored, because what it builds on is gone", Assert.Single(await DecideAsync(bench, at: bench.Clock.GetUtcNow())).Reason.English);
        File.Delete(bench.Stored(chain[0]));
        Assert.Equal("all 2 backups are corrupt, or build on corrupt ones", (await DecideAsync(bench, at: bench.Clock.GetUtcNow()))[0].Reason.English);
    }

    private static async Task<IReadOnlyList<EscalationReason>> DecideAsync(ChainBench bench, DateTimeOffset at) =>
        SomeState.Of(new ScheduledSource(bench.Source, [], TimeSpan.FromDays(9), TimeSpan.FromDays(10)), [.. await bench.Bench.BackupsAsync()], at)
            .With(records => records with { Activity = SomeState.Activity(bench.Clock.GetUtcNow()) }).Reasons;

    private static Task<RunRecord?> ReplaceAsync(ChainBench bench) => bench.Bench.Replacements.RunIfDueAsync(bench.Source, TimeSpan.Zero, progress: null, CancellationToken.None);
}
