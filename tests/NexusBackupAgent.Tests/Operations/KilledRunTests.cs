using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

public sealed class KilledRunTests
{
    /// <summary>A process that backs up again and again is killed wherever it happens to be, twenty times.</summary>
    [SkippableFact]
    public async Task A_run_killed_anywhere_leaves_no_half_backup_and_no_lock_and_is_known_as_failed()
    {
        using var temp = new TempDirectory();
        await SqliteSamples.LedgerAsync(Path.Combine(temp.Path, "app.db"), "wal");
        await SqliteSamples.SqlAsync(Path.Combine(temp.Path, "app.db"), "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO log (amount, note) SELECT i, randomblob(2000) FROM n;");
        var random = new Random(20260214);
        var interrupted = 0;
        for (var i = 0; i < 20; i++)
        {
            using (var child = Child.Start("backup-forever", temp.Path))
            {
                Assert.Equal("running", await child.StandardOutput.ReadLineAsync());
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(250)), TimeProvider.System);
                child.Kill();
                await child.WaitForExitAsync();
            }

            using var bench = new Workbench(TimeProvider.System, temp.Path);
            bench.Scratch.RemoveLeftovers(TimeProvider.System.GetUtcNow().AddMinutes(2));
            foreach (var backup in await bench.BackupsAsync())
            {
                if (backup.State != BackupState.Good)
                    Assert.Equal(BackupState.Good, (await bench.VerifyAsync(backup)).State); // killed between commit and verification: whole all the same
            }

            interrupted += bench.Journal.CloseAbandoned("itsm", bench.Clock.GetUtcNow());
        }

        using var after = new Workbench(TimeProvider.System, temp.Path);
        Assert.Equal(RunResult.Success, (await after.RunAsync()).Result);
        Assert.True(interrupted > 5, $"only {interrupted} kills hit a run");
        Assert.Equal($"{interrupted}", await after.JournalAsync("SELECT count(*) FROM runs WHERE failure = 'Died' AND result = 'failure'"));
        Assert.Equal("0", await after.JournalAsync("SELECT count(*) FROM runs WHERE result IS NULL"));
        Assert.Null(after.Journal.Read().Sources["itsm"].RunStartedAt);

        var sums = await Shell.BashAsync($"cd '{after.StorePath}'; sha256sum -c *.sha256 | grep -vc ': OK$' || true");
        Assert.Equal("0", sums);
        await after.Source.Catalog.SweepAsync(TimeProvider.System.GetUtcNow().AddDays(2), BackupRunner.OrphanGrace, CancellationToken.None);
        Assert.Equal(4 * (await after.BackupsAsync()).Count, TempDirectory.FilesIn(after.StorePath).Count);
    }
}
