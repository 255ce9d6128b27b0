using NexusBackupAgent.Sources.Files;
using NexusBackupAgent.Common;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
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
            Assert.Equal(bytes, await File.ReadAllBytesAsync(outcome.Place.SafetyCopy!));
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

    [SkippableFact]
    public async Task What_a_killed_restore_left_is_removed_and_what_another_is_at_work_on_stays()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            string[] left =
            [
                ".app.0badc0de.restoring", ".app.0badc0de.restoring-wal", ".app.pre_restore.20260214020000.restoring", ".app.pre_restore.20260214020000-3.restoring-journal",
            ];
            string[] others =
            [
                ".app.db.0badc0de.restoring", ".app.db.pre_restore.20260214020000.restoring-wal", ".app.notes.restoring", ".app.0badc0de.restoring.txt", ".app.0badc0de-wal",
            ];
            foreach (var file in left.Concat(others))
                await File.WriteAllTextAsync(Path.Combine(bench.Directory, file), "");

            await bench.RunAsync(to: Path.Combine(bench.Directory, "app"));

            var there = TempDirectory.FilesIn(bench.Directory);
            Assert.Empty(left.Intersect(there, StringComparer.Ordinal));
            Assert.Empty(others.Except(there, StringComparer.Ordinal));
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

    [SkippableFact]
    public async Task The_safety_copy_stays_while_the_companions_of_the_old_one_can_not_be_put_back()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await File.WriteAllTextAsync(bench.Database, "this is no database");
            await File.WriteAllTextAsync(bench.Database + "-wal", "nor is this its WAL");
            await File.WriteAllTextAsync(bench.Database + "-shm", "nor is this its index");
            bench.At = stage => stage == RestoreStage.Replace ? File.WriteAllTextAsync(bench.Database + "-shm", "in the way") : Task.CompletedTask;

            var failure = (await bench.RunAsync()).Operation.Failure!;

            var safety = Assert.Single(bench.SafetyCopies, file => char.IsAsciiDigit(file[^1]));
            Assert.Contains("written meanwhile", failure.Message, StringComparison.Ordinal);
            Assert.Contains("; BUT cannot move", failure.Message, StringComparison.Ordinal);
            Assert.EndsWith($"what it held before is kept as '{safety}'", failure.Message, StringComparison.Ordinal);
            Assert.Equal("this is no database", await File.ReadAllTextAsync(safety));
            Assert.Equal("nor is this its index", await File.ReadAllTextAsync(safety + "-shm"));
            Assert.Equal("nor is this its WAL", await File.ReadAllTextAsync(bench.Database + "-wal"));
        }
    }

    [SkippableTheory]
    [InlineData("rm app.db")]
    [InlineData("cp app.db other; mv other app.db")]
    [InlineData("truncate -s 100 app.db")]
    public async Task The_safety_copy_stays_when_the_old_one_is_no_longer_what_it_was(string accident)
    {
        var (bench, _) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            var old = await SqliteSamples.DumpAsync(bench.Database);
            bench.At = stage => stage == RestoreStage.Replace ? Shell.BashAsync($"cd '{bench.Directory}'; {accident}") : Task.CompletedTask;

            var failure = (await bench.RunAsync()).Operation.Failure!;

            Assert.Contains("is no longer the file that it was", failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("untouched", failure.Message, StringComparison.Ordinal);
            Assert.Equal(old, await SqliteSamples.DumpAsync(Assert.Single(bench.SafetyCopies)));
        }
    }

    [SkippableFact]
    public async Task Who_writes_while_the_wal_is_brought_in_loses_nothing()
    {
        var bench = await WithWalAsync();
        using (bench)
        {
            bench.Rigging = source => new RiggedSource(source, async settle =>
            {
                await bench.AddAsync("acknowledged");
                await settle();
            });

            var record = await bench.RunAsync();

            Assert.Contains("written meanwhile", record.Operation.Failure!.Message, StringComparison.Ordinal);
            Assert.Equal("1", await SqliteSamples.SqlAsync(bench.Database, "SELECT count(*) FROM t WHERE note = 'acknowledged'"));
            Assert.Empty(bench.SafetyCopies);
        }
    }

    [SkippableFact]
    public async Task A_wal_that_can_not_be_brought_in_after_all_goes_aside_and_nothing_is_lost()
    {
        var bench = await WithWalAsync();
        using (bench)
        {
            var fired = false;
            var wal = await File.ReadAllBytesAsync(bench.Database + "-wal");
            bench.Rigging = source => new RiggedSource(source, _ =>
            {
                fired = true;
                throw new BackupException(FailureKind.SourceCorrupt, "scripted fault", "");
            });

            var outcome = await bench.RestoreAsync();

            Assert.True(fired);
            Assert.Equal("0", await SqliteSamples.SqlAsync(bench.Database, "SELECT count(*) FROM t WHERE note = 'only in the WAL'"));
            Assert.Equal(wal, await File.ReadAllBytesAsync(outcome.Place.SafetyCopy + "-wal"));
            Assert.Equal("ok\n1", await SqliteSamples.SqlAsync(outcome.Place.SafetyCopy!, "PRAGMA integrity_check; SELECT count(*) FROM t WHERE note = 'only in the WAL'"));
        }
    }

    [SkippableFact]
    public async Task The_way_back_brings_the_old_one_with_all_that_belongs_to_it()
    {
        var bench = await WithWalAsync();
        using (bench)
        {
            bench.Settings = RestoreSettings.None with { After = [["false"]] };
            await using (var file = File.OpenWrite(bench.Database))
            {
                file.Position = (20 * 4096) + 8;
                await file.WriteAsync(Enumerable.Repeat((byte)0xA5, 400).ToArray());
            }

            var (database, wal) = (await File.ReadAllBytesAsync(bench.Database), await File.ReadAllBytesAsync(bench.Database + "-wal"));

            var record = await bench.RunAsync();

            Assert.Equal([record.Outcome!.Place.SafetyCopy + "-wal"], record.Outcome.Place.SetAside);
            Assert.Equal(record.Outcome.Place.SetAside, RestoreDocument.Of("itsm", record, [], bench.Clock.GetUtcNow()).SetAside);
            Assert.EndsWith($"with {record.Outcome.Place.SetAside[0]}", record.Operation.Detail, StringComparison.Ordinal);
            await Shell.BashAsync(record.Operation.Failure!.Hint.Split("stop the service and: ")[1]);
            Assert.Equal(database, await File.ReadAllBytesAsync(bench.Database));
            Assert.Equal(wal, await File.ReadAllBytesAsync(bench.Database + "-wal"));
        }
    }

    /// <summary>A database whose last row is only in the WAL that a killed program left.</summary>
    private static async Task<RestoreBench> WithWalAsync()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        var killed = await SqliteSamples.HoldAsync(bench.Database, "db.execute('PRAGMA wal_autocheckpoint = 0'); db.execute(\"INSERT INTO t (note) VALUES ('only in the WAL')\")");
        await killed.KillAsync();
        Assert.True(new FileInfo(bench.Database + "-wal").Length > 0);
        return bench;
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

            var target = bench.Bench.Source.Source.Target(Path.Combine(bench.Directory, to));
            var obstacle = target.Obstacle([Path.Combine(bench.Directory, "store"), Path.Combine(bench.Directory, "nexus-backup.yml")]);

            if (refused is null)
                Assert.Null(obstacle);
            else
                Assert.Contains(refused, obstacle!.Message, StringComparison.Ordinal);
        }
    }
}
