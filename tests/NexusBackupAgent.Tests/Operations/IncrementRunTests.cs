using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Runs of increments, from snapshot to pruning.</summary>
public sealed class IncrementRunTests
{
    [SkippableFact]
    public async Task A_run_that_became_full_says_why_everywhere()
    {
        using var bench = new Workbench(TimeProvider.System);
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        var log = new CollectedLog<RunDispatcher>();
        var dispatcher = new RunDispatcher(new BackupRunner(bench.Capture, bench.Examiner, bench.Clock), bench.Turns, bench.Journal, bench.Hooks, bench.Clock, log);

        var run = await dispatcher.RunAsync(bench.Source, "daily", BackupType.Incremental, TimeSpan.Zero, progress: null, CancellationToken.None);

        const string Reason = "there is no good backup to build on";
        Assert.Equal((RunResult.Success, BackupType.Incremental, BackupType.Full, Reason), (run.Result, run.Type, run.TypeMade, run.Outcome!.FullBecause));
        Assert.Equal(BackupType.Full, run.Outcome.Backup.Manifest.Type);
        Assert.Equal($"full|{Reason}|", await bench.JournalAsync("SELECT type, message, failure FROM runs"));
        Assert.Contains(log.Lines, line => line.Contains($"full instead of incremental, because {Reason}", StringComparison.Ordinal));
        var facts = HookFacts.Of(bench.Source, HookEvent.Of(run), consecutiveFailures: 0);
        Assert.Equal(("full", Reason), (facts.Type, facts.FullBecause));
        Assert.Null(bench.Journal.LastFailure("itsm"));
    }

    [SkippableFact]
    public async Task A_run_that_made_what_was_asked_for_gives_no_reason()
    {
        using var bench = new Workbench(TimeProvider.System);
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        await bench.RunAsync();
        var run = await bench.RunAsync(BackupType.Differential);
        Assert.Equal((RunResult.Success, BackupType.Differential), (run.Result, run.TypeMade));
        Assert.Null(run.Outcome!.FullBecause);
        Assert.Equal("full||\ndifferential||", await bench.JournalAsync("SELECT type, message, failure FROM runs ORDER BY id"));
    }

    [SkippableFact]
    public async Task An_increment_that_the_store_has_no_room_for_leaves_nothing_and_harms_nothing()
    {
        await using var small = await SmallFileSystem.MountAsync("size=5m");
        using var bench = new Workbench(TimeProvider.System, store: new LocalDirectoryStore("local", small.Path));
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        await bench.RunAsync(BackupType.Incremental);
        var before = TempDirectory.FilesIn(small.Path);
        await SqliteSamples.SqlAsync(bench.Database, "INSERT INTO log (amount, note) SELECT 1, randomblob(6000) FROM debit WHERE id < 1500");

        var run = await bench.RunAsync(BackupType.Incremental);

        Assert.Equal((RunResult.Failure, FailureKind.StoreFull), (run.Result, run.Failure!.Kind));
        Assert.Equal(before, TempDirectory.FilesIn(small.Path));
        var backup = Assert.Single(await bench.BackupsAsync());
        Assert.Equal(BackupState.Good, (await bench.VerifyAsync(backup)).State);
        await small.RemountAsync("size=50m");
        Assert.Equal((RunResult.Success, BackupType.Incremental), await bench.RunAsync(BackupType.Incremental) is var again ? (again.Result, again.TypeMade) : default);
    }

    /// <summary>A process that makes increments again and again is killed wherever it happens to be in one.</summary>
    [SkippableFact]
    public async Task An_increment_killed_anywhere_leaves_a_whole_chain_or_nothing_that_counts()
    {
        using var temp = new TempDirectory();
        var database = Path.Combine(temp.Path, "app.db");
        await SqliteSamples.LedgerAsync(database, "wal");
        var random = new Random(20260215);
        for (var i = 0; i < 12; i++)
        {
            await SqliteSamples.SqlAsync(database, $"INSERT INTO log (amount, note) SELECT {i}, randomblob(900) FROM debit WHERE id % 4 = {i % 4}");
            using (var child = Child.Start("increments-forever", temp.Path))
            {
                for (var made = random.Next(3); made >= 0; made--)
                    Assert.Equal("made", await child.StandardOutput.ReadLineAsync());
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(250)), TimeProvider.System);
                child.Kill();
                await child.WaitForExitAsync();
            }

            using var bench = new Workbench(TimeProvider.System, temp.Path);
            bench.Scratch.RemoveLeftovers(TimeProvider.System.GetUtcNow().AddMinutes(2));
            bench.Journal.CloseAbandoned("itsm", bench.Clock.GetUtcNow());
            foreach (var backup in await bench.BackupsAsync())
                Assert.Equal(BackupState.Good, backup.State == BackupState.Good ? backup.State : (await bench.VerifyAsync(backup)).State);
        }

        using var after = new Workbench(TimeProvider.System, temp.Path);
        Assert.Equal(RunResult.Success, (await after.RunAsync(BackupType.Incremental)).Result);
        await after.Source.Catalog.SweepAsync(TimeProvider.System.GetUtcNow().AddDays(2), BackupRunner.OrphanGrace, CancellationToken.None);
        var backups = await after.BackupsAsync();
        Assert.Contains(backups, backup => backup.Bases.Count > 1);
        Assert.Equal(5 * backups.Count, TempDirectory.FilesIn(after.StorePath).Count);
        foreach (var backup in backups)
            Assert.Equal(BackupState.Good, (await after.VerifyAsync(backup)).State);
    }
}
