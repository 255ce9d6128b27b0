using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>What is refused before anything is touched.</summary>
public sealed class RestoreRefusalTests
{
    [SkippableFact]
    public async Task Without_force_a_live_database_stays_and_what_would_be_lost_is_named()
    {
        var clock = new ManualClock(Some.Instant);
        var (bench, _) = await RestoreBench.WithBackupAsync(clock: clock);
        using (bench)
        {
            clock.Advance(TimeSpan.FromHours(31));

            var refusal = await bench.RefusalAsync(force: false);

            Assert.Contains("would lose everything since 2026-02-14 02:00 +00:00 (1 d 7 h)", refusal.Message, StringComparison.Ordinal);
            Assert.Contains("--force", refusal.Hint, StringComparison.Ordinal);
            Assert.Null(bench.Bench.Journal.Last("itsm", OperationKind.Restore));
        }
    }

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task A_live_writer_is_named_and_nothing_is_touched(string journalMode)
    {
        var (bench, _) = await RestoreBench.WithBackupAsync(journalMode);
        using (bench)
        {
            await SqliteSamples.SqlAsync(bench.Database, "CREATE TABLE debit (id INTEGER PRIMARY KEY, amount); CREATE TABLE credit (id INTEGER PRIMARY KEY, amount); CREATE TABLE log (id INTEGER PRIMARY KEY, amount, note); CREATE TABLE total (transfers); INSERT INTO total VALUES (0)");
            await using var writer = await SqliteSamples.WriteAsync(bench.Database, journalMode);

            foreach (var force in (bool[])[false, true])
            {
                var refusal = await Assert.ThrowsAsync<BackupException>(() => bench.RunAsync(force: force));
                Assert.Contains($"open in process {writer.Id} (", refusal.Message, StringComparison.Ordinal);
                Assert.Contains("python", refusal.Message, StringComparison.Ordinal);
            }

            Assert.Empty(bench.Steps);
            Assert.Empty(bench.SafetyCopies);
            var count = await writer.StopAsync();
            Assert.Equal($"ok\n{count}", await SqliteSamples.SqlAsync(bench.Database, "PRAGMA integrity_check; SELECT transfers FROM total"));
        }
    }

    [SkippableFact]
    public async Task A_program_that_still_has_a_deleted_database_open_is_named()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            await using var user = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT 1 FROM t').fetchall()");
            File.Delete(bench.Database);

            foreach (var before in (string[])["", "true"]) // a command that stops the program would be the end of its rows
            {
                bench.Settings = RestoreSettings.None with { Before = before.Length > 0 ? [[before]] : [] };
                var refusal = await bench.RefusalAsync();
                Assert.Contains($"open in process {user.Id} (", refusal.Message, StringComparison.Ordinal);
                Assert.Contains("save it: sudo sh -euc ", refusal.Hint, StringComparison.Ordinal);
            }

            await user.KillAsync();
            await bench.RestoreAsync();
        }
    }

    [SkippableFact]
    public async Task A_missing_directory_is_not_made()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var refusal = await bench.RefusalAsync(to: Path.Combine(bench.Directory, "no", "such", "app.db"));

            Assert.Contains("does not exist", refusal.Message, StringComparison.Ordinal);
            Assert.Contains($"mkdir -p '{bench.Directory}/no/such'", refusal.Hint, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public async Task No_room_for_the_database_and_the_safety_copy_is_found_before_anything_is_written()
    {
        await using var small = await SmallFileSystem.MountAsync("size=600k");
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var to = Path.Combine(small.Path, "app.db");
            File.Copy(bench.Database, to);

            var refusal = await bench.RefusalAsync(to: to);

            Assert.Equal(FailureKind.StoreFull, refusal.Kind);
            Assert.Matches(@"has \d+(\.\d)? KiB available and the restore needs \d+(\.\d)? KiB: the database and the safety copy", refusal.Message);
            Assert.Contains("df -h", refusal.Hint, StringComparison.Ordinal);
            Assert.Equal(["app.db"], TempDirectory.FilesIn(small.Path));
        }
    }

    [SkippableFact]
    public async Task A_disk_that_fills_up_meanwhile_fails_and_leaves_the_old_one()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var to = Path.Combine(small.Path, "app.db");
            File.Copy(bench.Database, to);
            var before = await Shell.RunAsync("sha256sum", to);
            bench.At = stage => stage == RestoreStage.Save
                ? Shell.TryAsync("dd", "if=/dev/zero", $"of={small.Path}/ballast", "bs=4k")
                : Task.CompletedTask;

            var record = await bench.RunAsync(to: to);

            Assert.Equal(FailureKind.StoreFull, record.Operation.Failure!.Kind);
            Assert.EndsWith("the old database is untouched", record.Operation.Failure.Message, StringComparison.Ordinal);
            Assert.Equal(before, await Shell.RunAsync("sha256sum", to));
            Assert.Equal(["app.db", "ballast"], TempDirectory.FilesIn(small.Path));
        }
    }

    [SkippableFact]
    public async Task A_read_only_file_system_is_refused()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            File.Copy(bench.Database, Path.Combine(small.Path, "app.db"));
            await small.RemountAsync("ro");

            var refusal = await bench.RefusalAsync(to: Path.Combine(small.Path, "app.db"));

            Assert.Equal(FailureKind.Permission, refusal.Kind);
            Assert.Contains("findmnt", refusal.Hint, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public async Task A_directory_in_the_place_of_the_database_is_refused()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            File.Delete(bench.Database);
            Directory.CreateDirectory(bench.Database);

            Assert.Contains("is a directory", (await bench.RefusalAsync()).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>As a container's mount of one file; nothing can be renamed over it.</summary>
    [SkippableTheory]
    [InlineData("")]
    [InlineData("-wal")]
    public async Task A_file_that_is_mounted_by_itself_is_found_before_the_service_is_stopped(string ending)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var mounted = bench.Database + ending;
            await Shell.BashAsync($"touch '{mounted}' '{bench.Directory}/other'; cp '{mounted}' '{bench.Directory}/other'");
            var mount = await Shell.TryAsync("mount", "--bind", Path.Combine(bench.Directory, "other"), mounted);
            Need.That(mount.ExitCode == 0, "needs the right to mount a file: " + mount.Error);
            try
            {
                bench.Settings = RestoreSettings.None with { Before = [["touch", Path.Combine(bench.Directory, "stopped")]] };

                var preview = await bench.PreviewAsync(force: true);
                var refusal = await bench.RefusalAsync();

                Assert.Equal(refusal.Message, preview.Refusal!.Message);
                Assert.Contains($"'{mounted}' is mounted by itself", refusal.Message, StringComparison.Ordinal);
                Assert.Equal(FailureKind.Restore, refusal.Kind);
                Assert.False(File.Exists(Path.Combine(bench.Directory, "stopped")));
            }
            finally
            {
                await Shell.RunAsync("umount", "-l", mounted);
            }
        }
    }

    /// <summary>What a trial makes there can't be removed again, so there is none.</summary>
    [SkippableFact]
    public async Task A_directory_that_is_only_added_to_is_found_without_a_trial()
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var data = Directory.CreateDirectory(Path.Combine(bench.Directory, "data")).FullName;
            Skip.IfNot((await Shell.TryAsync("chattr", "+a", data)).ExitCode == 0, "needs a file system that knows append-only directories");
            try
            {
                var refusal = await bench.RefusalAsync(to: Path.Combine(data, "app.db"));

                Assert.Contains("its directory is append-only", refusal.Message, StringComparison.Ordinal);
                Assert.Empty(TempDirectory.FilesIn(data));
            }
            finally
            {
                await Shell.RunAsync("chattr", "-a", data);
            }
        }
    }

    /// <summary>EXDEV, EPERM, ENOSYS: what file systems without rename say.</summary>
    [SkippableTheory]
    [InlineData(-18)]
    [InlineData(-1)]
    [InlineData(-38)]
    public async Task A_file_system_without_rename_is_found_before_a_plan_promises_anything(int answer)
    {
        var (bench, _) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            var before = await bench.FingerprintAsync();

            var (said, calls) = await Child.RunHamperedAsync(["--answer", "renameat", $"{answer}"], bench.Directory, "restore-plan", bench.Directory);

            Assert.NotEmpty(calls); // the fault struck
            Assert.StartsWith($"Restore: cannot restore to '{bench.Database}': its file system renames no file", said, StringComparison.Ordinal);
            Assert.Equal(before, await bench.FingerprintAsync());
            Assert.DoesNotContain(TempDirectory.FilesIn(bench.Directory), file => file.EndsWith(".restoring", StringComparison.Ordinal));
        }
    }

    [SkippableFact]
    public async Task A_source_that_is_being_backed_up_is_busy()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        using (bench.Bench.Turns.TryHold("itsm"))
            Assert.Equal(FailureKind.Locked, (await bench.RefusalAsync()).Kind);
    }

    [SkippableFact]
    public async Task No_backup_of_the_source_is_made_while_it_is_restored()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var during = new List<RunResult>();
            bench.At = async _ => during.Add((await bench.Bench.RunAsync()).Result);

            await bench.RestoreAsync();

            Assert.NotEmpty(during);
            Assert.All(during, result => Assert.Equal(RunResult.Skipped, result));
        }
    }

    [SkippableTheory]
    [InlineData("chown 0:0 app.db", "can't give the new file the old one's owner")]
    [InlineData("chown 0:0 . && chmod 755 .", "may not write in")]
    public async Task A_user_who_may_not_replace_the_file_is_told_so_before_anything_is_touched(string obstacle, string expected)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await Shell.BashAsync($"cd '{bench.Directory}'; chown -R 65534:65534 .; {obstacle}");
            var before = await bench.FingerprintAsync();

            var said = await Child.RunAsUserAsync("restore", bench.Directory);

            Assert.Contains(expected, said, StringComparison.Ordinal);
            Assert.Contains("as root", said, StringComparison.Ordinal);
            Assert.Equal(before, await bench.FingerprintAsync());
        }
    }

    [SkippableFact]
    public async Task The_owner_restores_without_being_root()
    {
        Need.Root();
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await Shell.BashAsync($"chown -R 65534:65534 '{bench.Directory}'");

            Assert.Equal("restored", await Child.RunAsUserAsync("restore", bench.Directory));

            Assert.Equal("65534 65534", await Shell.RunAsync("stat", "-c", "%u %g", bench.Database));
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
        }
    }

    [SkippableFact]
    public async Task A_user_of_a_wal_database_is_named_by_its_locks_where_its_files_are_hidden()
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await using var user = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT count(*) FROM t').fetchall()"); // as root
            await Shell.BashAsync($"chown -R 65534:65534 '{bench.Directory}'");

            Assert.Contains($"open in process {user.Id} (", await Child.RunAsUserAsync("restore", bench.Directory), StringComparison.Ordinal);
        }
    }
}
