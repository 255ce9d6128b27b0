using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>What a restore must not lose of the old database.</summary>
public sealed class RestoreSafetyTests
{
    [SkippableTheory]
    [InlineData(16, "-wal")]
    [InlineData(16, "-journal")]
    [InlineData(16, "-shm")]
    [InlineData(100, "-wal")]
    public async Task A_damaged_database_with_a_useless_companion_is_replaced_and_kept_as_it_lies(int damagedFrom, string companion)
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            var bytes = await File.ReadAllBytesAsync(bench.Database);
            Array.Fill(bytes, (byte)0xA5, damagedFrom, 400);
            await File.WriteAllBytesAsync(bench.Database, bytes);
            await File.WriteAllBytesAsync(bench.Database + companion, []);

            var outcome = await bench.RestoreAsync();

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Equal(bytes, await File.ReadAllBytesAsync(outcome.SafetyCopy!));
            Assert.Single(bench.SafetyCopies, file => char.IsAsciiDigit(file[^1]));
        }
    }

    [SkippableFact]
    public async Task A_safety_copy_never_takes_the_name_of_a_file_that_came_meanwhile()
    {
        var clock = new ManualClock(Some.Instant);
        var (bench, _) = await RestoreBench.WithBackupAsync("delete", clock);
        using (bench)
        {
            var taken = bench.Database + ".pre_restore.20260214020000";
            bench.At = stage => stage == RestoreStage.Save ? File.WriteAllTextAsync(taken, "another's only copy") : Task.CompletedTask;

            await bench.RunAsync();

            Assert.Equal("another's only copy", await File.ReadAllTextAsync(taken));
        }
    }

    [SkippableFact]
    public async Task Two_restores_to_one_file_do_not_meet_whatever_their_state_directories()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            var name = Path.Combine(bench.Directory, ".app.db.restore.lock");
            using (RestoreLock.TryAcquire(name))
            {
                var unfinished = Path.Combine(bench.Directory, ".app.db.0badc0de.restoring");
                await File.WriteAllTextAsync(unfinished, "the other's");

                var record = await bench.RunAsync();

                Assert.Equal(FailureKind.Locked, record.Operation.Failure!.Kind);
                Assert.True(File.Exists(unfinished));
                Assert.Empty(bench.SafetyCopies);
            }

            await bench.RestoreAsync();
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.False(File.Exists(name));
        }
    }

    [SkippableTheory]
    [InlineData("delete", nameof(RestoreStage.Save))]
    [InlineData("wal", nameof(RestoreStage.Save))]
    [InlineData("delete", nameof(RestoreStage.MoveAside))]
    [InlineData("delete", nameof(RestoreStage.Replace))]
    [InlineData("wal", nameof(RestoreStage.Replace))]
    public async Task Who_writes_between_two_looks_and_is_gone_again_loses_nothing(string journalMode, string when)
    {
        var (bench, _) = await RestoreBench.WithBackupAsync(journalMode);
        using (bench)
        {
            bench.At = async stage =>
            {
                if (stage.ToString() == when)
                    await bench.AddAsync("acknowledged");
            };

            var record = await bench.RunAsync();

            Assert.Null(record.Outcome);
            Assert.Equal(FailureKind.SourceBusy, record.Operation.Failure!.Kind);
            Assert.Contains("written meanwhile", record.Operation.Failure.Message, StringComparison.Ordinal);
            Assert.Equal("1", await SqliteSamples.SqlAsync(bench.Database, "SELECT count(*) FROM t WHERE note = 'acknowledged'"));
            Assert.Empty(bench.SafetyCopies);
        }
    }

    [SkippableFact]
    public async Task What_was_moved_aside_is_put_back_when_the_next_can_not_be_moved()
    {
        var clock = new ManualClock(Some.Instant);
        var (bench, _) = await RestoreBench.WithBackupAsync(clock: clock);
        using (bench)
        {
            await File.WriteAllTextAsync(bench.Database, "this is no database");
            await File.WriteAllTextAsync(bench.Database + "-wal", "nor is this its WAL");
            await File.WriteAllTextAsync(bench.Database + "-shm", "nor is this its index");
            bench.At = stage => stage == RestoreStage.MoveAside
                ? File.WriteAllTextAsync(bench.Database + ".pre_restore.20260214020000-shm", "in the way")
                : Task.CompletedTask;

            var failure = await bench.FailureAsync();

            Assert.EndsWith("the old database is untouched", failure.Message, StringComparison.Ordinal);
            Assert.Equal("nor is this its WAL", await File.ReadAllTextAsync(bench.Database + "-wal"));
            Assert.Equal("nor is this its index", await File.ReadAllTextAsync(bench.Database + "-shm"));
        }
    }

    [SkippableTheory]
    [InlineData("app.db-wal", "belongs to the database")]
    [InlineData("store/x.db", "belongs to the agent")]
    [InlineData("link/x.db", "belongs to the agent")]
    [InlineData("nexus-backup.yml", "belongs to the agent")]
    [InlineData("pipe", "no regular file")]
    [InlineData("free.db", null)]
    public async Task Nothing_is_restored_to_the_place_of_something_else(string to, string? refused)
    {
        var (bench, _) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            Directory.CreateDirectory(Path.Combine(bench.Directory, "store", "deep"));
            Directory.CreateSymbolicLink(Path.Combine(bench.Directory, "link"), Path.Combine(bench.Directory, "store", "deep"));
            await Shell.RunAsync("mkfifo", Path.Combine(bench.Directory, "pipe"));

            var target = RestoreTarget.Of(
                bench.Bench.Source.Source, Path.Combine(bench.Directory, to), [Path.Combine(bench.Directory, "store"), Path.Combine(bench.Directory, "nexus-backup.yml")]);

            if (refused is null)
                Assert.Null(target.Obstacle());
            else
                Assert.Contains(refused, target.Obstacle()!.Message, StringComparison.Ordinal);
        }
    }
}
