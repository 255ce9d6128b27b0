using System.Diagnostics;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

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
            Assert.Empty(bench.Bench.History.Read().Died);
            var open = Assert.Single(bench.Bench.Journal.Open(OperationKind.Restore));
            await KillAsync(child);

            var died = Last(bench);
            Assert.Equal(died, Assert.Single(bench.Bench.History.Read().Died));
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
            Assert.Empty(bench.Bench.History.Read().Died);
            Assert.Equal(died, bench.Bench.Journal.Since("itsm", died.StartedAt).First(done => done.Kind == OperationKind.Restore));
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
            Assert.Equal(died, Assert.Single(bench.Bench.History.Read().Died));
        }
    }

    [SkippableFact]
    public async Task One_elsewhere_that_died_says_nothing_of_the_live_database()
    {
        using var bench = new Workbench(new ManualClock(Some.Instant));
        using (await bench.History.BeginAsync(Begun("itsm", isOverLive: false), CancellationToken.None))
            Assert.Empty(bench.History.Read().Died);

        Assert.Single(bench.History.Read().Died);
        Assert.Empty(bench.History.Read().LastOverLive);
    }

    [SkippableTheory]
    [InlineData("locked")]
    [InlineData("full")]
    public async Task One_that_succeeded_counts_as_that_although_the_journal_could_not_take_its_end(string journal)
    {
        await using var disk = journal == "full" ? await SmallFileSystem.MountAsync("size=2m") : null;
        using var root = new TempDirectory();
        if (disk is not null)
            Directory.CreateSymbolicLink(root["state"], disk.Path);
        var (bench, backedUp) = await RestoreBench.WithBackupAsync(root: root.Path, clock: new ManualClock(Some.Instant));
        using (bench)
        using (var other = new SqliteConnection($"Data Source={bench.Bench.State}/journal.db;Pooling=False"))
        {
            other.Open();
            bench.At = async stage =>
            {
                if (stage != RestoreStage.Replace)
                    return;
                if (disk is null)
                    await SqlAsync(other, "BEGIN IMMEDIATE");
                else
                    await Shell.TryAsync("dd", "if=/dev/zero", $"of={disk.Path}/filler", "bs=4k");
            };

            var record = await bench.RunAsync();

            Assert.NotNull(record.NotRecorded);
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            var open = Assert.Single(bench.Bench.Journal.Open(OperationKind.Restore));
            Assert.Empty(bench.Bench.History.Read().Died);
            Assert.Equal(open with { EndedAt = record.Operation.EndedAt }, Last(bench));

            if (disk is null)
                await SqlAsync(other, "ROLLBACK");
            else
                File.Delete(Path.Combine(disk.Path, "filler"));
            using var child = await HoldAsync(bench);
            await KillAsync(child);

            Assert.Equal(FailureKind.Died, Last(bench).Failure!.Kind);
            Assert.Equal(Last(bench), Assert.Single(bench.Bench.History.Read().Died));
            Assert.Equal(open with { EndedAt = record.Operation.EndedAt }, bench.Bench.Journal.Since("itsm", open.StartedAt).First(done => done.Kind == OperationKind.Restore));
        }
    }

    [SkippableFact]
    public async Task One_that_failed_does_so_although_the_journal_could_not_take_its_end()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            bench.Settings = bench.Settings with { Before = [["false"]] };
            await bench.Bench.JournalAsync("CREATE TRIGGER no_end BEFORE UPDATE ON operations BEGIN SELECT RAISE(ABORT, 'no end'); END");

            await bench.FailureAsync();

            Assert.Equal(Last(bench), Assert.Single(bench.Bench.History.Read().Died));
        }
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(1, 0, false)] // of another restore
    [InlineData(0, -1, false)] // of one with the same number, in a journal that is no more
    public async Task Only_a_success_of_its_own_counts(int further, int seconds, bool counts)
    {
        using var bench = new Workbench(new ManualClock(Some.Instant));
        using (var begun = await bench.History.BeginAsync(Begun("itsm"), CancellationToken.None))
            (begun with { Id = begun.Id + further }).KeepSuccess(Some.Instant.AddSeconds(seconds));

        Assert.Equal(counts, bench.History.Read().LastOverLive["itsm"].Succeeded);
        Assert.Equal(counts ? 0 : 1, bench.History.Read().Died.Count);
    }

    [Fact]
    public async Task A_lock_that_may_not_be_opened_costs_nothing_else_and_is_told_once()
    {
        using var bench = new Workbench(new ManualClock(Some.Instant));
        foreach (var source in (string[])["itsm", "other"])
            (await bench.History.BeginAsync(Begun(source), CancellationToken.None)).Dispose();
        var path = Path.Combine(bench.State, "locks", ".restores", "itsm.lock");
        File.Delete(path);
        Directory.CreateDirectory(path); // nobody can open that for writing, root neither

        for (var scrape = 0; scrape < 3; scrape++)
            Assert.Equal("other", Assert.Single(bench.History.Read().Died).Source);

        Assert.Contains("restore of itsm is taken for one at work", Assert.Single(bench.RestoresLog.Lines), StringComparison.Ordinal);
    }

    private static Operation Begun(string source, bool isOverLive = true) =>
        Operation.Begun(source, OperationKind.Restore, Some.Instant, "restore of a.db.gz") with { IsOverLive = isOverLive };

    private static async Task SqlAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private static Operation Last(RestoreBench bench) => bench.Bench.History.Read().LastOverLive["itsm"];

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
