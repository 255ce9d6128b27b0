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
        using (var bench = new Workbench(TimeProvider.System, temp.Path))
            await bench.RunAsync();
        var interrupted = 0;

        var calls = await Child.KillEverywhereAsync(temp.Path, ["backup", nameof(BackupType.Full)], async (root, call) => interrupted += await CheckAsync(root, call));

        Assert.True(interrupted > calls.Count / 2, $"only {interrupted} of {calls.Count} kills hit a run");
        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".db.gz", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".manifest.json", StringComparison.Ordinal));
    }

    /// <returns>How many runs were found that had not ended.</returns>
    private static async Task<int> CheckAsync(string root, string call)
    {
        using var after = new Workbench(TimeProvider.System, root);
        after.Scratch.RemoveLeftovers(TimeProvider.System.GetUtcNow().AddMinutes(2));
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
        await after.Source.Catalog.SweepAsync(TimeProvider.System.GetUtcNow().AddDays(2), BackupRunner.OrphanGrace, CancellationToken.None);
        Assert.Equal((4 * (await after.BackupsAsync()).Count, call), (TempDirectory.FilesIn(after.StorePath).Count, call));
        return interrupted;
    }
}
