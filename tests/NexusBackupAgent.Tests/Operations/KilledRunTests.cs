using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

public sealed class KilledRunTests
{
    /// <summary>A process that backs up is killed (SIGKILL) before its system calls that change a file.</summary>
    [SkippableFact]
    public async Task A_run_killed_anywhere_leaves_no_half_backup_and_no_lock_and_is_known_as_failed()
    {
        using var temp = new TempDirectory();
        await SqliteSamples.LedgerAsync(temp["app.db"], "wal");
        using (var bench = new Workbench(Some.Clock, temp.Path))
            await bench.RunAsync();
        var interrupted = 0;

        var calls = await Child.KillEverywhereAsync(temp.Path, ["backup", nameof(BackupType.Full)], async (root, call) => interrupted += await CheckAsync(root, call));

        Assert.True(interrupted > calls.Count / 3, $"only {interrupted} of {calls.Count} kills hit a run");
        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".db.gz", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".manifest.json", StringComparison.Ordinal));
    }

    [Fact]
    public void It_is_killed_before_each_new_name_and_the_first_of_every_other_kind_of_call() => Assert.Equal(
        [1, 2, 4, 5, 6, 8, 9, 10, 11],
        Child.OneOfEachKind([
            "openat app.db-wal",
            "openat store/.a.56471726.partial",
            "openat store/.a.sha256.b00fb0eb.partial",
            "rename store/.a.56471726.partial store/a",
            "rename store/.a.sha256.b00fb0eb.partial store/a.sha256",
            "openat scratch/nexus-backup-f039ea036794445b/9d3ef327d9374d1a.scratch",
            "openat scratch/nexus-backup-f039ea036794445b/c03f6f5ad1214942.scratch",
            "unlink scratch/nexus-backup-f039ea036794445b/9d3ef327d9374d1a.scratch",
            "unlink scratch/nexus-backup-f039ea036794445b.lock",
            "openat .app.db.140c61b8.restoring",
            "unlink app.db-wal",
            "openat .app.db.fe21e062.restoring"]));

    /// <returns>How many runs were found that had not ended.</returns>
    private static async Task<int> CheckAsync(string root, string call)
    {
        using var after = new Workbench(Some.Clock, root);
        after.Scratch.RemoveLeftovers(FileSystemClock.Now.AddMinutes(2));
        foreach (var backup in await after.BackupsAsync())
        {
            if (backup.State != BackupState.Good)
                Assert.Equal((BackupState.Good, call), ((await after.VerifyAsync(backup)).State, call)); // killed between commit and verification: whole all the same
        }

        var interrupted = after.Journal.CloseAbandoned("itsm", after.Clock.GetUtcNow());

        Assert.Equal((RunResult.Success, call), ((await after.RunAsync()).Result, call));
        Assert.Equal($"{interrupted}", await after.JournalAsync("SELECT count(*) FROM operations WHERE failure = 'Died' AND result = 'failure'"));
        Assert.Equal("0", await after.JournalAsync("SELECT count(*) FROM operations WHERE ended_at IS NULL"));
        Assert.Null(after.Journal.Read().Sources["itsm"].RunStartedAt);

        var sums = await Shell.BashAsync($"cd '{after.StorePath}'; sha256sum -c *.sha256 | grep -vc ': OK$' || true");
        Assert.Equal(("0", call), (sums, call));
        await after.Source.Catalog.SweepAsync(FileSystemClock.Now.AddDays(2), BackupRunner.OrphanGrace, CancellationToken.None);
        Assert.Equal((4 * (await after.BackupsAsync()).Count, call), (TempDirectory.FilesIn(after.StorePath).Count, call));
        return interrupted;
    }
}
