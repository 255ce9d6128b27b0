using System.Security.Cryptography;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>Restoring an increment: the full backup first, then each increment on it, and the result is what was captured.</summary>
public sealed class ChainRestoreTests
{
    private readonly List<RestoreCandidate> passedOver = [];
    private readonly List<RestoreStep> steps = [];

    [SkippableFact]
    public async Task Every_restore_point_is_restored_byte_for_byte()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;

        foreach (var backup in chain)
        {
            var restored = await RestoreAsync(bench, new RestoreWish(Id: backup.Id.Value));

            Assert.Equal(bench.States[backup.Id], await DigestAsync(restored.Place.Location));
        }
    }

    [SkippableFact]
    public async Task A_time_picks_the_newest_restore_point_that_is_not_after_it()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;

        var restored = await RestoreAsync(bench, new RestoreWish(At: chain[3].CapturedAt.AddSeconds(-1)));

        Assert.Equal(chain[2].Id, restored.Backup.Backup.Id);
        Assert.Equal(bench.States[chain[2].Id], await DigestAsync(restored.Place.Location));
    }

    [SkippableFact]
    public async Task The_plan_names_the_chain_and_asks_for_the_room_of_the_whole_database()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;

        var preview = await PreviewAsync(bench, new RestoreWish());

        Assert.Equal($" on {chain[0].File}, {chain[1].File}", RestorePlan.With(preview.Chosen.Backup));
        Assert.Equal(chain[2].Manifest.Restored!.Value.Length, preview.Needed);
        await RestoreAsync(bench, new RestoreWish());
        Assert.Contains(steps, step => step.Text == $"expand and check {chain[2].File} on {chain[0].File}, {chain[1].File}");
    }

    [SkippableFact]
    public async Task A_damaged_link_is_found_once_and_the_newest_that_does_not_need_it_is_restored()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 3);
        using var _ = bench;
        Damage.FlipBit(bench.Stored(chain[1]));

        var restored = await RestoreAsync(bench, new RestoreWish());

        Assert.Equal(chain[0].Id, restored.Backup.Backup.Id);
        Assert.Equal(bench.States[chain[0].Id], await DigestAsync(restored.Place.Location));
        Assert.Equal([chain[3].Id, chain[2].Id, chain[1].Id], passedOver.Select(candidate => candidate.Backup.Id));
        Assert.Contains($"{chain[1].File}', which it needs, is damaged: its SHA-256 is ", passedOver[0].Reason, StringComparison.Ordinal);
        Assert.Equal($"{chain[1].File}, which it needs, is damaged", passedOver[1].Reason);
        Assert.Equal(BackupState.Corrupt, (await bench.FindAsync(chain[1])).State); // the agent reads it again and sets it aside
        Assert.Equal(1, bench.Bench.Journal.Read().Verifications[("itsm", "checksum", "failure")] - 1); // of the way, and of its own turn
    }

    [SkippableFact]
    public async Task What_lost_its_base_is_passed_over_and_refused_by_name_with_the_reason()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;
        var other = await bench.FullAsync();
        File.Delete(bench.Stored(other));
        File.Delete(bench.Stored(chain[1]));

        var plan = (await PreviewAsync(bench, new RestoreWish())).Plan;
        var refusal = await Assert.ThrowsAsync<BackupException>(() => PreviewAsync(bench, new RestoreWish(Id: chain[2].File)));

        Assert.Equal(chain[0].Id, Assert.Single(plan.Candidates).Backup.Id);
        Assert.Equal($"backup {chain[1].Id}, which {chain[2].File} builds on, is not there any more", Assert.Single(plan.PassedOver).Reason);
        Assert.Equal(
            (FailureKind.Verification, $"backup {chain[2].File} of source 'itsm' cannot be restored: backup {chain[1].Id}, which {chain[2].File} builds on, is not there any more"),
            (refusal.Kind, refusal.Message));
    }

    [SkippableFact]
    public async Task A_drill_practises_the_whole_chain_and_fails_by_the_link_that_is_damaged()
    {
        var (bench, chain) = await ChainBench.WithAsync(increments: 2);
        using var _ = bench;
        var (passed, _) = await DrillAsync(bench);
        Damage.FlipBit(bench.Stored(chain[1]));

        var (failed, backup) = await DrillAsync(bench);

        Assert.Null(passed.Failure);
        Assert.Equal(FailureKind.Verification, failed.Failure!.Kind);
        Assert.Contains($"it can't be restored: '{bench.Stored(chain[1])}', which it needs, is damaged", failed.Failure.Message, StringComparison.Ordinal);
        Assert.Equal((chain[2].Id, false), (backup!.Id, backup.Drill!.Passed));
    }

    private static Task<DrillRecord> DrillAsync(ChainBench bench) => bench.Bench.Drills.RunAsync(bench.Source, progress: null, TimeSpan.Zero, CancellationToken.None);

    private static Task<RestorePreview> PreviewAsync(ChainBench bench, RestoreWish wish) =>
        bench.Bench.Restores.PreviewAsync(bench.Source, wish, Path.Combine(bench.Bench.Root, "restored.db"), force: true, CancellationToken.None);

    private async Task<RestoreOutcome> RestoreAsync(ChainBench bench, RestoreWish wish)
    {
        var target = Path.Combine(bench.Bench.Root, "restored.db");
        File.Delete(target);
        var record = await bench.Bench.Restores.RestoreAsync(
            bench.Source, wish, target, force: false, TimeSpan.Zero, new RestoreEvents(steps.Add, (_, _) => { }, _ => { }, passedOver.Add), CancellationToken.None);
        Assert.Null(record.Operation.Failure);
        return record.Outcome!;
    }

    private static async Task<string> DigestAsync(string file) => Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file)));
}
