using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

public sealed class RestorerTests
{
    [Fact]
    public async Task What_a_kind_worked_with_beside_the_place_is_gone_after_a_success()
    {
        using var temp = new TempDirectory();
        var tree = temp["data/tree"];
        using var bench = new Workbench(Some.Clock, temp.Path, source: new TreeSource(tree, Some.Clock));
        TreeSource.Make(tree, "first");
        Assert.Null((await bench.RunAsync()).Failure);

        var restored = await bench.Restores.RestoreAsync(
            bench.Source, new RestoreWish(), to: null, force: true, TimeSpan.Zero, new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { }), CancellationToken.None);

        Assert.Null(restored.Operation.Failure);
        Assert.Equal(
            [tree, restored.Outcome!.Place.SafetyCopy], Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(tree)!).Order(StringComparer.Ordinal));
    }

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    [InlineData("persist")]
    [InlineData("truncate")]
    public async Task Every_row_comes_back_and_the_old_database_is_kept(string journalMode)
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync(journalMode);
        using (bench)
        {
            var old = await SqliteSamples.DumpAsync(bench.Database);
            Assert.NotEqual(old, backedUp);

            var outcome = await bench.RestoreAsync();

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Equal("ok", await SqliteSamples.SqlAsync(bench.Database, "PRAGMA integrity_check"));
            Assert.Matches(@"app\.db\.pre_restore\.\d{14}$", outcome.Place.SafetyCopy);
            Assert.Equal(old, await SqliteSamples.DumpAsync(outcome.Place.SafetyCopy!));
            Assert.Contains(RestoreBench.Rows.ToString(System.Globalization.CultureInfo.InvariantCulture), backedUp, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public async Task Rows_that_were_committed_only_to_the_wal_are_in_the_safety_copy()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await LeaveWalAsync(bench.Database);
            Assert.True(new FileInfo(bench.Database + "-wal").Length > 0);

            var outcome = await bench.RestoreAsync();

            Assert.Equal("2", await SqliteSamples.SqlAsync(outcome.Place.SafetyCopy!, "SELECT count(*) FROM t WHERE note LIKE '%later' OR note = 'only in the wal'"));
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.False(File.Exists(bench.Database + "-wal") && new FileInfo(bench.Database + "-wal").Length > 0);
        }
    }

    [SkippableFact]
    public async Task A_hot_journal_is_rolled_back_in_the_safety_copy_and_never_meets_the_restored_database()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            var committed = await SqliteSamples.DumpAsync(bench.Database);
            await using (var writer = await SqliteSamples.HoldAsync(bench.Database, "db.execute('PRAGMA cache_size=2'); db.execute('BEGIN'); db.execute(\"UPDATE t SET note = 'half done'\")"))
                await writer.KillAsync();
            Assert.True(new FileInfo(bench.Database + "-journal").Length > 0);

            var outcome = await bench.RestoreAsync();

            Assert.Equal(committed, await SqliteSamples.DumpAsync(outcome.Place.SafetyCopy!));
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.False(File.Exists(bench.Database + "-journal"));
        }
    }

    [SkippableFact]
    public async Task Stale_companions_of_a_missing_database_are_moved_aside_and_do_not_corrupt_the_restored_one()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await LeaveWalAsync(bench.Database);
            await File.WriteAllBytesAsync(bench.Database + "-journal", Some.Noise(5000));
            File.Delete(bench.Database);

            var outcome = await bench.RestoreAsync(force: false);

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Null(outcome.Place.SafetyCopy);
            Assert.Equal(["-journal", "-shm", "-wal"], outcome.Place.SetAside.Select(file => file[file.LastIndexOf('-')..]).Order(StringComparer.Ordinal));
            Assert.All(outcome.Place.SetAside, file => Assert.True(File.Exists(file)));
        }
    }

    [SkippableFact]
    public async Task A_wal_that_does_not_belong_to_the_database_leaves_both_as_they_were_in_the_safety_copy()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            // What the runbook's own loop does: another database is put under a WAL that is still there.
            await LeaveWalAsync(bench.Database, "UPDATE t SET note = 'changed' WHERE id = 7");
            var other = Path.Combine(bench.Directory, "other.db");
            await SqliteSamples.SqlAsync(other, "PRAGMA journal_mode=wal; CREATE TABLE other (x); CREATE TABLE another (y); INSERT INTO other VALUES (42)");
            File.Copy(other, bench.Database, overwrite: true);
            var (database, wal) = (await File.ReadAllBytesAsync(bench.Database), await File.ReadAllBytesAsync(bench.Database + "-wal"));

            var outcome = await bench.RestoreAsync();

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Equal(database, await File.ReadAllBytesAsync(outcome.Place.SafetyCopy!));
            Assert.Equal(wal, await File.ReadAllBytesAsync(outcome.Place.SafetyCopy + "-wal"));
        }
    }

    [SkippableTheory]
    [InlineData("")]
    [InlineData("this is no database")]
    public async Task What_is_no_database_any_more_is_kept_as_it_lies(string content)
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await File.WriteAllTextAsync(bench.Database, content);

            var outcome = await bench.RestoreAsync();

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Equal(content, await File.ReadAllTextAsync(outcome.Place.SafetyCopy!));
        }
    }

    [SkippableFact]
    public async Task A_damaged_database_is_kept_byte_for_byte()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync("delete");
        using (bench)
        {
            var bytes = await File.ReadAllBytesAsync(bench.Database);
            Array.Fill(bytes, (byte)0xA5, 4096, bytes.Length / 2);
            await File.WriteAllBytesAsync(bench.Database, bytes);

            var outcome = await bench.RestoreAsync();

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Equal(bytes, await File.ReadAllBytesAsync(outcome.Place.SafetyCopy!));
        }
    }

    [SkippableFact]
    public async Task What_was_moved_aside_is_put_back_when_the_new_one_can_not_take_its_place()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await File.WriteAllTextAsync(bench.Database, "this is no database");
            await File.WriteAllTextAsync(bench.Database + "-wal", "nor is this its WAL");
            bench.At = stage =>
            {
                if (stage == RestoreStage.Replace)
                    File.Delete(Directory.GetFiles(bench.Directory, ".app.db.*.restoring").Single());
                return Task.CompletedTask;
            };

            var failure = await bench.FailureAsync();

            Assert.EndsWith("the old database is untouched", failure.Message, StringComparison.Ordinal);
            Assert.Equal("nor is this its WAL", await File.ReadAllTextAsync(bench.Database + "-wal"));
        }
    }

    [SkippableFact]
    public async Task Who_opens_the_database_at_the_last_moment_keeps_it()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            RunningWriter? user = null;
            bench.At = async stage =>
            {
                if (stage == RestoreStage.Save)
                    user = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT count(*) FROM t').fetchall()");
            };

            var failure = await bench.FailureAsync();

            Assert.Contains($"open in process {user!.Id} (", failure.Message, StringComparison.Ordinal);
            await user.DisposeAsync();
        }
    }

    [SkippableFact]
    public async Task What_killed_restores_left_is_removed_and_nothing_else()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            string[] left = [".app.db.0badc0de.restoring", ".app.db.pre_restore.20260214020000.restoring", ".app.db.pre_restore.20260214020000.restoring-wal"];
            string[] others = [".app.db.swp", ".app.db.restoring.txt", ".other.db.0badc0de.restoring.old"];
            foreach (var file in left.Concat(others))
                await File.WriteAllTextAsync(Path.Combine(bench.Directory, file), "x");

            await bench.RestoreAsync();

            Assert.Equal(others.Order(StringComparer.Ordinal), TempDirectory.FilesIn(bench.Directory).Where(file => file.StartsWith('.')));
        }
    }

    [SkippableFact]
    public async Task The_live_place_is_known_through_another_path_even_when_the_database_is_gone()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var log = Path.Combine(bench.Directory, "log");
            bench.Settings = RestoreSettings.None with { Before = [["touch", log]] };
            Directory.CreateSymbolicLink(Path.Combine(bench.Directory, "way"), bench.Directory);
            File.Delete(bench.Database);

            await bench.RestoreAsync(to: Path.Combine(bench.Directory, "way", "app.db"));

            Assert.True(File.Exists(log));
            Assert.True(File.Exists(bench.Database));
        }
    }

    [SkippableFact]
    public async Task Owner_group_and_mode_stay_those_of_the_old_file()
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await Shell.BashAsync($"chown 1234:4321 '{bench.Database}'; chmod 0664 '{bench.Database}'");

            var outcome = await bench.RestoreAsync();

            foreach (var file in (string[])[bench.Database, outcome.Place.SafetyCopy!])
                Assert.Equal("1234 4321 664", await Shell.RunAsync("stat", "-c", "%u %g %a", file));
            Assert.Equal(("1234:4321", "0664", null), (outcome.Place.Owner!.Value.Names, outcome.Place.Owner!.Value.Octal, outcome.Place.Chown));
        }
    }

    [SkippableFact]
    public async Task A_new_file_made_by_root_belongs_to_whom_the_directory_belongs_to()
    {
        Need.Root();
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await Shell.BashAsync($"mkdir '{bench.Directory}/elsewhere'; chown 1234:4321 '{bench.Directory}/elsewhere'");

            var outcome = await bench.RestoreAsync(to: Path.Combine(bench.Directory, "elsewhere"), force: false);

            Assert.Equal(Path.Combine(bench.Directory, "elsewhere", "app.db"), outcome.Place.Location);
            Assert.Equal("1234 4321 640", await Shell.RunAsync("stat", "-c", "%u %g %a", outcome.Place.Location));
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(outcome.Place.Location));
        }
    }

    [SkippableFact]
    public async Task A_symbolic_link_stays_and_what_it_leads_to_is_replaced()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var real = Path.Combine(Directory.CreateDirectory(Path.Combine(bench.Directory, "disk2")).FullName, "real.db");
            File.Move(bench.Database, real);
            File.CreateSymbolicLink(bench.Database, real);

            var outcome = await bench.RestoreAsync();

            Assert.Equal(real, new FileInfo(bench.Database).LinkTarget);
            Assert.Equal(real, outcome.Place.Location);
            Assert.StartsWith(real + ".pre_restore.", outcome.Place.SafetyCopy, StringComparison.Ordinal);
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(real));
        }
    }

    /// <summary>As text, the link's target would be a file of another program.</summary>
    [SkippableFact]
    public async Task A_relative_link_in_a_linked_directory_leads_to_what_the_application_opens()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await Shell.BashAsync($"cd '{bench.Directory}'; mkdir -p app/shared releases/v2 releases/shared; mv app.db* releases/shared; ln -s ../shared/app.db releases/v2/app.db; ln -s ../releases/v2 app/current; ln -s app/current/app.db app.db; echo wrong > app/shared/app.db");

            var live = await bench.RestoreAsync();
            var elsewhere = await bench.RestoreAsync(to: Path.Combine(bench.Directory, "app/current/app.db"));

            Assert.Equal(Path.Combine(bench.Directory, "releases/shared/app.db"), live.Place.Location);
            Assert.Equal(live.Place.Location, elsewhere.Place.Location);
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Equal("wrong\n", await File.ReadAllTextAsync(Path.Combine(bench.Directory, "app/shared/app.db")));
        }
    }

    [SkippableFact]
    public async Task Restoring_elsewhere_runs_no_command_and_leaves_the_live_one_alone_even_while_it_is_in_use()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            bench.Settings = RestoreSettings.None with { Before = [["false"]], After = [["false"]], Health = [new HealthCheck(new Uri("http://127.0.0.1:1/"))] };
            await using var user = await SqliteSamples.HoldAsync(bench.Database, "db.execute('SELECT count(*) FROM t').fetchall()");
            var to = Path.Combine(bench.Directory, "copy.db");

            await bench.RestoreAsync(to: to, force: false);

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(to));
            Assert.Empty(bench.SafetyCopies);
        }
    }

    [SkippableFact]
    public async Task Another_existing_file_is_replaced_only_by_force_and_kept()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var to = Path.Combine(bench.Directory, "notes.txt");
            await File.WriteAllTextAsync(to, "precious");
            Assert.Contains("exists", (await bench.RefusalAsync(to: to, force: false)).Message, StringComparison.Ordinal);

            var outcome = await bench.RestoreAsync(to: to);

            Assert.Equal("precious", await File.ReadAllTextAsync(outcome.Place.SafetyCopy!));
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(to));
        }
    }

    [SkippableFact]
    public async Task Two_restores_in_one_second_keep_two_safety_copies()
    {
        var clock = new ManualClock(Some.Instant);
        var (bench, backedUp) = await RestoreBench.WithBackupAsync(clock: clock);
        using (bench)
        {
            var first = await bench.RestoreAsync();
            var second = await bench.RestoreAsync();

            Assert.EndsWith(".pre_restore.20260214020000", first.Place.SafetyCopy, StringComparison.Ordinal);
            Assert.EndsWith(".pre_restore.20260214020000-1", second.Place.SafetyCopy, StringComparison.Ordinal);
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(second.Place.SafetyCopy!));
        }
    }

    [SkippableFact]
    public async Task A_restore_is_in_the_journal_with_its_backup_and_files()
    {
        var (bench, _) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            var outcome = await bench.RestoreAsync();

            var operation = bench.Bench.Journal.Last("itsm", OperationKind.Restore)!;
            Assert.True(operation.Succeeded);
            Assert.Equal(outcome.Backup.Backup.Id, operation.Backup);
            Assert.Contains(outcome.Backup.Backup.File, operation.Detail, StringComparison.Ordinal);
            Assert.Contains(outcome.Place.SafetyCopy!, operation.Detail, StringComparison.Ordinal);
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_store_that_became_read_only_still_gives_its_backup(bool byHand)
    {
        await using var small = await SmallFileSystem.MountAsync("size=5m");
        var (bench, backedUp) = await RestoreBench.WithBackupAsync(store: new LocalDirectoryStore("local", small.Path));
        using (bench)
        {
            if (byHand)
                await Shell.BashAsync($"rm '{small.Path}'/*.json '{small.Path}'/*.sha256");
            await small.RemountAsync("ro");

            await bench.RestoreAsync();

            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(bench.Database));
            Assert.Contains(bench.Steps, step => step.Text.Contains("can't be kept", StringComparison.Ordinal));
        }
    }

    [SkippableFact]
    public async Task The_backup_after_a_restore_holds_the_restored_state()
    {
        var (bench, backedUp) = await RestoreBench.WithBackupAsync();
        using (bench)
        {
            await bench.RestoreAsync();

            var next = await bench.BackUpAsync();

            Assert.Equal(BackupState.Good, next.State);
            await bench.RestoreAsync(new RestoreWish(next.Id.Value), Path.Combine(bench.Directory, "again.db"));
            Assert.Equal(backedUp, await SqliteSamples.DumpAsync(Path.Combine(bench.Directory, "again.db")));
        }
    }

    /// <summary>Commits a row that stays in the WAL, because its writer is killed.</summary>
    private static async Task LeaveWalAsync(string database, string sql = "INSERT INTO t (note) VALUES ('only in the wal')")
    {
        await using var writer = await SqliteSamples.HoldAsync(database, $"db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"{sql}\")");
        await writer.KillAsync();
    }
}
