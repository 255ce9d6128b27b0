using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Verification;

/// <summary>An increment is read with all that it builds on, and whichever file is damaged is the one that is set aside.</summary>
public sealed class ChainVerificationTests
{
    [SkippableFact]
    public async Task Each_link_of_a_chain_is_good_and_names_what_it_builds_on()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;

        var listed = await bench.FindAsync(chain[^1]);

        Assert.Equal(chain.Take(3).Reverse().Select(backup => backup.Id), listed.Bases.Select(backup => backup.Id));
        Assert.Equal(chain[0].Id, listed.Bases[2].Id);
        Assert.Equal(Proof.Chain, listed.Proof);
        Assert.Equal([VerificationCheck.Checksum, VerificationCheck.Encoding], listed.Verification!.Checks.Select(check => check.Check));
        Assert.All(await bench.StatesOldestFirstAsync(), state => Assert.Equal(BackupState.Good, state));
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_damaged_link_is_set_aside_in_place_of_the_tip_that_was_read_and_is_one_news(int damaged)
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;
        Damage.FlipBit(bench.Stored(chain[damaged]));

        var tip = await bench.VerifyAsync(await bench.FindAsync(chain[3]));

        Assert.Equal((BackupState.Quarantined, false), (tip.State, tip.IsSetAside));
        Assert.StartsWith($"{chain[damaged].File}, which it needs, is corrupt: its SHA-256 is ", tip.BrokenChain, StringComparison.Ordinal);
        Assert.Equal($"{chain[damaged].File}.bad", Assert.Single(await bench.Bench.BackupsAsync(), backup => backup.IsSetAside).File);
        Assert.Equal(
            Enumerable.Range(0, 4).Select(place => place < damaged ? BackupState.Good : BackupState.Quarantined), await bench.StatesOldestFirstAsync());
        Assert.Equal(1, bench.Bench.Journal.Read().Verifications[("itsm", "checksum", "failure")]);
        var failed = Assert.Single(bench.Bench.Journal.Since("itsm", default), operation => operation is { Kind: OperationKind.Verification, Failure: not null });
        Assert.Equal(chain[damaged].Id, failed.Backup);
    }

    [SkippableFact]
    public async Task An_increment_whose_check_does_not_tell_what_it_gives_is_not_good()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 1);
        using var _ = bench;
        var silent = new ScriptedSource(bench.Clock); // its check finds nothing, and restores nothing

        var read = await bench.Bench.Verifier.GlanceAsync(silent, bench.Source.Catalog, await bench.FindAsync(chain[1]), progress: null, CancellationToken.None);

        Assert.False(read.Verification!.Passed);
        Assert.Equal("its check did not tell what it gives with what it builds on", read.Verification.FirstFailure);
    }

    [SkippableFact]
    public async Task A_damaged_tip_harms_nothing_that_it_builds_on()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;
        Damage.FlipBit(bench.Stored(chain[2]));

        var tip = await bench.VerifyAsync(await bench.FindAsync(chain[2]));

        Assert.Equal((BackupState.Quarantined, true), (tip.State, tip.IsSetAside));
        Assert.Equal([BackupState.Good, BackupState.Good, BackupState.Quarantined], await bench.StatesOldestFirstAsync());
    }

    [SkippableFact]
    public async Task What_is_known_to_lack_its_base_is_not_read_again_and_is_no_news()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;
        Damage.FlipBit(bench.Stored(chain[0]));
        await bench.VerifyAsync(await bench.FindAsync(chain[0]));
        var before = bench.Bench.Journal.Since("itsm", default).Count;

        foreach (var stale in chain.Skip(1)) // as they were listed when the damage was not known
            Assert.True((await bench.VerifyAsync(stale)).HasBrokenChain);

        Assert.Equal(before, bench.Bench.Journal.Since("itsm", default).Count);
        Assert.Equal(1, bench.Bench.Journal.Read().Verifications[("itsm", "checksum", "failure")]);
    }

    [SkippableFact]
    public async Task One_reading_of_a_base_that_erred_sets_nothing_aside()
    {
        using var temp = new TempDirectory();
        FaultyStore? store = null;
        var (bench, chain) = await ChainBench.WithAsync(increments: 1, _ => store = new FaultyStore(new LocalDirectoryStore("local", temp.Path), 0, FaultTime.Before, staysDead: false));
        using var _ = bench;
        var full = store!.Describe(chain[0].File);
        var sound = await File.ReadAllBytesAsync(full);
        Damage.FlipBit(full);
        var opened = 0;
        store.Opening = path =>
        {
            if (path == chain[0].File && ++opened == 2)
                File.WriteAllBytes(full, sound);
            return null;
        };

        var tip = await bench.VerifyAsync(await bench.FindAsync(chain[1]));

        Assert.Equal(BackupState.Good, tip.State);
        Assert.Equal([BackupState.Good, BackupState.Good], await bench.StatesOldestFirstAsync());
    }

    [SkippableFact]
    public async Task An_increment_that_gives_something_else_than_was_captured_is_corrupt_though_every_file_is_as_it_was_stored()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 1);
        using var _ = bench;
        var captured = chain[1];
        var manifest = Path.Combine(bench.Bench.StorePath, BackupFiles.Manifest(captured.File));
        await Sidecar.EditAsync(manifest, text => text.Replace(captured.Manifest.Restored!.Value.Sha256, new string('0', 64), StringComparison.Ordinal));

        var read = await bench.VerifyAsync(await bench.FindAsync(captured));

        Assert.Equal((BackupState.Quarantined, true), (read.State, read.IsSetAside));
        Assert.Contains("with what it builds on it gives ", read.Verification!.FirstFailure, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task An_increment_whose_manifest_is_damaged_is_corrupt_and_not_taken_for_a_full_one()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 1);
        using var _ = bench;
        await File.WriteAllTextAsync(Path.Combine(bench.Bench.StorePath, BackupFiles.Manifest(chain[1].File)), "{}");

        var read = await bench.VerifyAsync((await bench.Bench.BackupsAsync())[0]);

        Assert.Equal((BackupState.Quarantined, true), (read.State, read.IsSetAside));
        Assert.Equal($"its manifest {BackupFiles.Manifest(chain[1].File)} is damaged or belongs to another backup: it lacks what belongs there, or is no JSON at all", read.Verification!.FirstFailure);
        Assert.Equal(BackupState.Good, (await bench.FindAsync(chain[0])).State);
    }

    [SkippableFact]
    public async Task A_base_that_comes_back_makes_what_builds_on_it_good_again()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;
        var away = bench.Stored(chain[0]) + ".away";
        File.Move(bench.Stored(chain[0]), away);
        Assert.All(await bench.Bench.BackupsAsync(), backup => Assert.EndsWith("is not there any more", backup.BrokenChain!, StringComparison.Ordinal));

        File.Move(away, bench.Stored(chain[0]));

        Assert.All(await bench.StatesOldestFirstAsync(), state => Assert.Equal(BackupState.Good, state));
    }

    [SkippableFact]
    public async Task Room_is_asked_for_the_largest_state_on_the_way_and_not_for_the_increment()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 1);
        using var _ = bench;

        Assert.Equal(chain[1].Manifest.Restored!.Value.Length, chain[1].ExpandedLength);
        Assert.True(chain[1].ExpandedLength > 2 * chain[1].Manifest.Content.Length);
        Assert.Equal(chain.Sum(backup => backup.ActualLength), chain[1].LengthToRead);
    }
}
