using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Runs of increments, from snapshot to pruning.</summary>
public sealed class IncrementRunTests
{
    [SkippableFact]
    public async Task A_run_that_became_full_says_why_everywhere()
    {
        using var bench = new Workbench(Some.Clock);
        await SqliteSamples.LedgerAsync(bench.Database, "wal");

        var run = await bench.RunAsync(BackupType.Incremental);

        const string Reason = "there is no good backup to build on";
        Assert.Equal((RunResult.Success, BackupType.Incremental, BackupType.Full, Reason), (run.Result, run.Type, run.TypeMade, run.Outcome!.FullBecause));
        Assert.Equal(BackupType.Full, run.Outcome.Backup.Manifest.Type);
        Assert.Equal($"full|{Reason}|", await bench.JournalAsync("SELECT type, full_because, failure FROM operations"));
        Assert.Contains(bench.BackupsLog.Lines, line => line.Contains($"full instead of incremental, because {Reason}", StringComparison.Ordinal));
        var facts = HookFacts.Of(OperationRunner.News(bench.Source, run.Operation, run.Outcome.Backup), consecutiveFailures: 0);
        Assert.Equal(("full", Reason), (facts.Type, facts.FullBecause));
        Assert.Null(bench.Journal.LastFailure("itsm"));
    }

    [SkippableFact]
    public async Task A_run_that_made_what_was_asked_for_gives_no_reason()
    {
        using var bench = new Workbench(Some.Clock);
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        await bench.RunAsync();
        var run = await bench.RunAsync(BackupType.Differential);
        Assert.Equal((RunResult.Success, BackupType.Differential), (run.Result, run.TypeMade));
        Assert.Null(run.Outcome!.FullBecause);
        Assert.Equal("full||\ndifferential||", await bench.JournalAsync("SELECT type, full_because, failure FROM operations ORDER BY id"));
    }

    [SkippableFact]
    public async Task An_increment_that_the_store_has_no_room_for_leaves_nothing_and_harms_nothing()
    {
        await using var small = await SmallFileSystem.MountAsync("size=5m");
        using var bench = new Workbench(Some.Clock, store: new LocalDirectoryStore("local", small.Path));
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

    /// <summary>A process that makes an increment is killed (SIGKILL) before its system calls that change a file.</summary>
    [SkippableFact]
    public async Task An_increment_killed_anywhere_leaves_a_whole_chain_or_nothing_that_counts()
    {
        using var temp = new TempDirectory();
        await SqliteSamples.LedgerAsync(temp["app.db"], "wal");
        using (var bench = new Workbench(Some.Clock, temp.Path))
        {
            await bench.RunAsync();
            await ChangeAsync(temp["app.db"], 0);
            await bench.RunAsync(BackupType.Incremental);
            await ChangeAsync(temp["app.db"], 1);
        }

        var calls = await Child.KillEverywhereAsync(temp.Path, ["backup", nameof(BackupType.Incremental)], CheckChainAsync);

        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".db-wal.gz", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.StartsWith("rename", StringComparison.Ordinal) && call.EndsWith(".pages", StringComparison.Ordinal));
    }

    private static Task ChangeAsync(string database, int which) => SqliteSamples.SqlAsync(database, $"INSERT INTO log (amount, note) SELECT {which}, randomblob(900) FROM debit WHERE id % 40 = {which}");

    private static async Task CheckChainAsync(string root, string call)
    {
        using var after = new Workbench(Some.Clock, root);
        after.Scratch.RemoveLeftovers(FileSystemClock.Now.AddMinutes(2));
        after.Journal.CloseAbandoned("itsm", after.Clock.GetUtcNow());
        foreach (var backup in await after.BackupsAsync())
            Assert.Equal((BackupState.Good, call), (backup.State == BackupState.Good ? backup.State : (await after.VerifyAsync(backup)).State, call));

        await ChangeAsync(after.Database, 2);
        Assert.Equal((RunResult.Success, BackupType.Incremental, call), await after.RunAsync(BackupType.Incremental) is var run ? (run.Result, run.TypeMade, call) : default);
        await after.Source.Catalog.SweepAsync(FileSystemClock.Now.AddDays(2), BackupRunner.OrphanGrace, CancellationToken.None);
        var backups = await after.BackupsAsync();
        Assert.Contains(backups, backup => backup.Bases.Count > 1);
        Assert.Equal((5 * backups.Count, call), (TempDirectory.FilesIn(after.StorePath).Count, call));
        foreach (var backup in backups)
            Assert.Equal((BackupState.Good, call), ((await after.VerifyAsync(backup)).State, call));
    }
}
