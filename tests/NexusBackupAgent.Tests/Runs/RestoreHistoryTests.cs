using System.Diagnostics;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runs;

public sealed class RestoreHistoryTests
{
    [SkippableFact]
    public async Task A_restore_that_runs_is_no_failure_and_is_one_as_soon_as_its_process_is_killed()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await bench.RestoreAsync();
            var before = Last(bench);
            Assert.True(before.Succeeded);
            using var child = await HoldAsync(bench);

            Assert.Equal(before, Last(bench));
            Assert.Empty(bench.Bench.History.Died());
            var open = Assert.Single(bench.Bench.Operations.Open(OperationKind.Restore));
            await KillAsync(child);

            var died = Last(bench);
            Assert.Equal(died, Assert.Single(bench.Bench.History.Died()));
            Assert.Equal((open.Id, FailureKind.Died, open.StartedAt), (died.Id, died.Failure!.Kind, died.EndedAt!.Value));
        }
    }

    [SkippableFact]
    public async Task A_backup_that_holds_the_source_by_then_hides_nothing()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            using var child = await HoldAsync(bench);
            await KillAsync(child);

            using var backup = bench.Bench.Turns.TryHold("itsm");
            Assert.NotNull(backup);
            Assert.Equal(FailureKind.Died, Last(bench).Failure!.Kind);
        }
    }

    [SkippableFact]
    public async Task The_next_restore_keeps_the_same_failure_and_takes_its_place()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            using var child = await HoldAsync(bench);
            await KillAsync(child);
            var died = Last(bench);
            Directory.Delete(Path.Combine(bench.Bench.State, "locks"), recursive: true); // it does not hang on the file

            Assert.Equal(died, Last(bench));
            await bench.RestoreAsync();

            Assert.True(Last(bench).Succeeded);
            Assert.Empty(bench.Bench.History.Died());
            Assert.Equal(died, bench.Bench.Operations.Since("itsm", died.StartedAt)[0]);
        }
    }

    [SkippableFact]
    public async Task One_that_was_refused_since_does_not_hide_it()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            using var child = await HoldAsync(bench);
            await KillAsync(child);
            var died = Last(bench);
            await using var user = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT 1')");

            Assert.Equal(FailureKind.SourceBusy, (await bench.RefusalAsync()).Kind);

            Assert.Equal(died, Last(bench));
            Assert.Equal(died, Assert.Single(bench.Bench.History.Died()));
        }
    }

    [SkippableFact]
    public async Task One_elsewhere_that_died_says_nothing_of_the_live_database()
    {
        using var bench = new Workbench(new ManualClock(Some.Instant));
        using (await bench.History.BeginAsync("itsm", Some.Instant, Operation.RestoreDetail("a.db.gz", "/tmp/look.db", isLive: false), CancellationToken.None))
            Assert.Empty(bench.History.Died());

        Assert.Single(bench.History.Died());
        Assert.Empty(bench.History.LastOverLiveOfEach());
    }

    private static Operation Last(RestoreBench bench) => bench.Bench.History.LastOverLiveOfEach()["itsm"];

    /// <summary>A restore in another process, in the middle of its work.</summary>
    private static async Task<Process> HoldAsync(RestoreBench bench)
    {
        var child = Child.Start("restore-hold", bench.Directory, nameof(RestoreStage.Expand));
        Assert.Equal(nameof(RestoreStage.Expand), await child.StandardOutput.ReadLineAsync());
        return child;
    }

    private static async Task KillAsync(Process child)
    {
        child.Kill();
        await child.WaitForExitAsync();
    }
}
