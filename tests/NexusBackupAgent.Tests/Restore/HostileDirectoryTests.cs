using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Restore;

/// <summary>
/// Root works in a directory of an unprivileged user who has root write, lock or give away what is not his: he plants links,
/// and swaps what root made for links. Nothing outside his directory is touched.
/// </summary>
public sealed class HostileDirectoryTests : IDisposable
{
    private const int Attacker = 65534;

    /// <summary>Only root may look into it.</summary>
    private readonly TempDirectory roots = new();

    private readonly TempDirectory temp = new();

    public HostileDirectoryTests()
    {
        File.WriteAllText(Victim, "only root's");
        File.SetUnixFileMode(Victim, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private string Victim => roots["victim"];

    public void Dispose()
    {
        temp.Dispose();
        roots.Dispose();
    }

    public static TheoryData<string, string> EveryStep()
    {
        var steps = new TheoryData<string, string>();
        foreach (var journalMode in (string[])["wal", "delete"])
        {
            foreach (var stage in Enum.GetNames<RestoreStage>())
                steps.Add(journalMode, stage);
        }

        return steps;
    }

    [SkippableTheory]
    [MemberData(nameof(EveryStep))]
    public async Task What_a_restore_made_is_swapped_for_links_when_a_step_begins(string journalMode, string stage)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync(journalMode, root: temp.Path);
        using (bench)
        {
            var killed = await SqliteSamples.HoldAsync(bench.Database, "db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"INSERT INTO t (note) VALUES ('later')\")");
            await killed.KillAsync();
            await GiveAwayAsync();
            bench.At = at => at.ToString() == stage ? Shell.BashAsync(Swap) : Task.CompletedTask;

            var record = await bench.RunAsync();

            await RequireUntouchedAsync();
            if (record.Operation.Failure is { } failure)
                RequireOneLine(failure);
        }
    }

    /// <summary>Before each system call of the restore.</summary>
    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task What_a_restore_made_is_swapped_for_links_all_the_time(string journalMode)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync(journalMode, root: temp.Path);
        bench.Dispose();
        var killed = await SqliteSamples.HoldAsync(temp["app.db"], "db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"INSERT INTO t (note) VALUES ('later')\")");
        await killed.KillAsync();
        await GiveAwayAsync();

        var (said, calls) = await Child.RunAgainstAsync(Swap, temp.Path, "restore", temp.Path);

        Assert.Contains(calls, call => call.Contains(".restoring", StringComparison.Ordinal));
        await RequireUntouchedAsync();
        Assert.Contains("symbolic link, which is not followed", said, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', said);
    }

    /// <summary>The directory itself is one moment the attacker's, the next a link to root's.</summary>
    [SkippableFact]
    public async Task The_directory_is_swapped_for_a_link_before_each_system_call()
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync("delete", root: temp.Path);
        using (bench)
        {
            var data = temp.Sub("data");
            File.Copy(bench.Database, Path.Combine(data, "app.db"));
            await Shell.BashAsync($"chown {Attacker} '{temp.Path}'; chown -R {Attacker} '{data}'; cp '{bench.Database}' '{roots["app.db"]}'; echo 1 > '{temp.Path}/turn'");
            var before = await OutsideAsync();
            var swap = $"if [ -L data ]; then rm data; mv real data; else mv data real; ln -s '{roots.Path}' data; chown -h {Attacker} data; fi";

            var (_, calls) = await Child.RunAgainstAsync(swap, temp.Path, "restore-to", temp.Path, Path.Combine(data, "app.db"));

            Assert.NotEmpty(calls);
            Assert.Equal(before, await OutsideAsync());
        }
    }

    /// <summary>Somebody makes the file that root restores to, in the moment before root does: it is neither replaced nor is root's file given to him.</summary>
    [SkippableFact]
    public async Task A_file_that_comes_in_the_last_moment_is_not_replaced_and_gets_nothing()
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync("delete", root: temp.Path);
        using (bench)
        {
            var to = temp["look.db"];
            var chain = CatalogLink.ChainOf(bench.Bench.Source.Catalog, (await bench.Bench.BackupsAsync())[0], isJudged: false, progress: null);
            await using var prepared = await bench.Bench.Source.Source.Target(to).PrepareAsync(chain, at: null, CancellationToken.None);
            await Shell.BashAsync($"echo theirs > '{to}'; chown {Attacker} '{to}'");

            var refusal = await Assert.ThrowsAsync<BackupException>(() => prepared.SaveAsync(new RestoreContext(Some.Instant, TimeZoneInfo.Utc, _ => { }) { MayReplace = false }, CancellationToken.None));

            Assert.Contains("was made meanwhile", refusal.Message, StringComparison.Ordinal);
            Assert.Equal("theirs\n", await File.ReadAllTextAsync(to));
            Assert.Equal("0", await Shell.BashAsync($"stat -c %u '{temp.Path}'/.look.db.*.restoring"));
        }
    }

    [SkippableTheory]
    [InlineData(".app.db.restore.lock")]
    [InlineData("app.db-wal")]
    [InlineData("app.db-journal")]
    public async Task A_planted_link_has_root_make_nothing(string link)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync("delete", root: temp.Path);
        using (bench)
        {
            await Shell.BashAsync($"cd '{temp.Path}'; ln -s '{roots["made"]}' '{link}'; chown -h {Attacker} '{link}' app.db .");

            var failure = (await bench.RunAsync()).Operation.Failure;

            Assert.False(File.Exists(roots["made"]));
            await RequireUntouchedAsync();
            if (link.EndsWith(".lock", StringComparison.Ordinal))
            {
                Assert.Equal(FailureKind.Permission, failure!.Kind);
                Assert.Contains($"'{temp[link]}' is a symbolic link, which is not followed there", failure.Message, StringComparison.Ordinal);
                RequireOneLine(failure);
            }
        }
    }

    /// <summary>A journal may name any file as its super-journal, and many a version of SQLite deletes that.</summary>
    [SkippableFact]
    public async Task A_planted_journal_has_root_delete_nothing()
    {
        Need.Root();
        Need.Tool("python3");
        var (bench, _) = await RestoreBench.WithBackupAsync("delete", root: temp.Path);
        using (bench)
        {
            await Shell.RunAsync("python3", "-c", """
                import sqlite3, os, struct, sys, shutil
                path, victim = sys.argv[1], sys.argv[2].encode()
                db = sqlite3.connect(path, isolation_level=None)
                db.execute('PRAGMA cache_size=2'); db.execute('BEGIN'); db.execute("UPDATE t SET note='x'||note")
                shutil.copy(path + '-journal', path + '.kept'); shutil.copy(path, path + '.half'); db.execute('ROLLBACK'); db.close()
                os.replace(path + '.half', path)
                with open(path + '.kept', 'r+b') as journal:
                    header = journal.read(28)
                    if header[:8] == bytes(8):
                        journal.seek(0); journal.write(bytes.fromhex('d9d505f920a163d7'))
                    journal.seek(0, 2)
                    size = sum(victim)
                    journal.write(struct.pack('>I', (1 << 30) // 4096 + 1) + victim + struct.pack('>II', len(victim), size) + bytes.fromhex('d9d505f920a163d7'))
                os.rename(path + '.kept', path + '-journal')
                """, bench.Database, Victim);
            await GiveAwayAsync();
            await Shell.BashAsync($"chmod 755 '{roots.Path}'; chmod 644 '{Victim}'");

            await bench.RunAsync();

            await RequireUntouchedAsync(mode: "644");
        }
    }

    /// <summary>SQLite opens, makes and deletes files by path: in somebody's directory with that user's rights and no more.</summary>
    [SkippableTheory]
    [InlineData("chown 65534 . app.db; chmod 600 app.db-wal", "may not write it there")]
    [InlineData("chown 65534 .", "belongs to root, and its directory")]
    public async Task Sqlite_works_there_with_the_owners_rights(string setup, string expected)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync("wal", root: temp.Path);
        using (bench)
        {
            var killed = await SqliteSamples.HoldAsync(bench.Database, "db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"INSERT INTO t (note) VALUES ('only in the WAL')\")");
            await killed.KillAsync();
            await Shell.BashAsync($"cd '{temp.Path}'; {setup}");

            var refusal = Assert.Throws<BackupException>(() => SqliteReplacement.Settle(bench.Database));
            var outcome = await bench.RestoreAsync();

            Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
            Assert.Contains(outcome.Place.SafetyCopy + "-wal", outcome.Place.SetAside);
            Assert.Equal("1", await SqliteSamples.SqlAsync(outcome.Place.SafetyCopy!, "SELECT count(*) FROM t WHERE note = 'only in the WAL'"));
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Somebody_elses_link_leads_a_restore_nowhere(bool force)
    {
        Need.Root();
        var (bench, _) = await RestoreBench.WithBackupAsync("delete", root: temp.Path);
        using (bench)
        {
            temp.Sub("theirs");
            var link = temp["theirs/look.db"];
            await Shell.BashAsync($"ln -s '{(force ? Victim : roots["made"])}' '{link}'; chown -R -h {Attacker} '{temp["theirs"]}'");

            var refusal = await bench.RefusalAsync(to: link, force: force);

            Assert.Contains(force ? "leads through a link of" : "where nothing is", refusal.Message, StringComparison.Ordinal);
            Assert.False(File.Exists(roots["made"]));
            await RequireUntouchedAsync();
        }
    }

    /// <summary>What root copies goes where its reader may be another one: into a store, and with a restore back to the stranger.</summary>
    [SkippableTheory]
    [InlineData("ln -s $roots/app.db $theirs/app.db", "leads through a link of nobody")]
    [InlineData("ln -s $roots $theirs/data", "leads through a link of nobody")]
    [InlineData("cp $roots/app.db $theirs; ln -s $roots/app.db-wal $theirs/app.db-wal", "leads through a link of nobody")]
    [InlineData("cp $roots/app.db $theirs; ln -s $roots/app.db-journal $theirs/app.db-journal", "leads through a link of nobody")]
    [InlineData("ln $roots/app.db $theirs/app.db", "has a second name elsewhere")]
    [InlineData("cp $roots/app.db $theirs/own.db; ln -s own.db $theirs/app.db; ln -s . $theirs/data", null)] // their own
    [InlineData("cp $roots/app.db $theirs; chmod 711 $roots; ln -s $theirs/app.db $roots/to.db; chown -h 65534 $roots/to.db", null)]
    public async Task A_strangers_link_does_not_have_root_back_up_what_is_not_theirs(string plant, string? expected)
    {
        Need.Root();
        await SqliteSamples.SqlAsync(roots["app.db"], "PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES ('secret')");
        await Shell.BashAsync($"""
            roots='{roots.Path}'; theirs='{temp.Sub("theirs")}'; head -c 8192 /dev/urandom > $roots/app.db-wal; cp $roots/app.db-wal $roots/app.db-journal
            {plant}
            chown -h {Attacker} $theirs; cd $theirs; for f in *; do [ "$(stat -c %h "$f")" -gt 1 ] || chown -h {Attacker} "$f"; done
            """);
        using var scratch = new ScratchDirectory(roots.Sub("scratch"));
        foreach (var path in (string[])[temp["theirs/data/app.db"], temp["theirs/app.db"], roots["to.db"]])
        {
            if (!File.Exists(path))
                continue;
            var source = new SqliteSource(path, scratch, TimeSpan.Zero, Some.Clock);
            if (expected is null)
            {
                await (await source.OpenSnapshotAsync(CancellationToken.None)).DisposeAsync();
                continue;
            }

            var refusal = await Assert.ThrowsAsync<BackupException>(async () => await source.OpenSnapshotAsync(CancellationToken.None));
            Assert.Equal(FailureKind.Permission, refusal.Kind);
            Assert.StartsWith($"database '{path}' is not read as root: ", refusal.Message, StringComparison.Ordinal);
            Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
            var told = new SqliteSettings(new SqliteSourceKind(), "itsm", path, TimeSpan.Zero).Check().Single(problem => problem.IsError);
            Assert.Equal($"can't be backed up: {refusal.Message}", told.Problem);
        }
    }

    [SkippableFact]
    public async Task A_planted_lock_in_the_state_directory_has_root_make_nothing()
    {
        Need.Root();
        await Shell.BashAsync($"mkdir -p '{temp.Path}/state/locks'; ln -s '{roots["made"]}' '{temp.Path}/state/locks/itsm.lock'; chown -R -h {Attacker} '{temp.Path}/state'");

        var refusal = Assert.Throws<BackupException>(() => RunLock.TryAcquire(temp["state"], "itsm"));

        Assert.Contains("symbolic link", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(roots["made"]));
        Assert.Throws<BackupException>(() => RunLock.IsHeld(temp["state"], "itsm"));
    }

    [SkippableFact]
    public async Task A_planted_journal_link_has_root_write_nothing()
    {
        Need.Root();
        await SqliteSamples.SqlAsync(roots["other.db"], "CREATE TABLE t (x)");
        var before = await OutsideAsync();
        foreach (var file in (string[])["journal.db", "journal.db-wal", "journal.db-shm"])
        {
            await Shell.BashAsync($"rm -rf '{temp.Path}/state'; mkdir '{temp.Path}/state'; ln -s '{roots["other.db"]}' '{temp.Path}/state/{file}'; chown -R -h {Attacker} '{temp.Path}/state'");

            await Record.ExceptionAsync(() => Task.Run(() => new OperationJournal(JournalDatabase.Open(temp["state"], Some.Instant, out _)).Dispose()));

            Assert.Equal(before, await OutsideAsync());
        }
    }

    [SkippableFact]
    public async Task A_linked_folder_in_a_store_has_root_write_nowhere_else()
    {
        Need.Root();
        await Shell.BashAsync($"mkdir '{temp.Path}/store'; ln -s '{roots.Path}' '{temp.Path}/store/itsm'; chown -R -h {Attacker} '{temp.Path}/store'");
        var before = await OutsideAsync();
        var store = new LocalDirectoryStore("local", temp["store"]);

        foreach (var work in (Func<Task>[])
        [
            () => store.PutAsync("itsm/made", replace: true, Durability.Now, (_, _) => Task.CompletedTask, CancellationToken.None),
            () => store.DeleteAsync("itsm/victim", Durability.Now, CancellationToken.None),
            () => store.TryRenameAsync("itsm/victim", "itsm/moved", CancellationToken.None),
        ])
        {
            var refusal = await Assert.ThrowsAsync<BackupException>(work);
            Assert.Contains("leads through a link of", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Equal(before, await OutsideAsync());
    }

    [SkippableFact]
    public async Task A_linked_backup_in_a_store_is_not_what_root_restores()
    {
        Need.Root();
        await Shell.BashAsync($"mkdir '{temp.Path}/store'; ln -s '{Victim}' '{temp.Path}/store/manual.db.gz'; chown -R -h {Attacker} '{temp.Path}/store'");

        var refusal = await Assert.ThrowsAsync<BackupException>(() => new LocalDirectoryStore("local", temp["store"]).OpenAsync("manual.db.gz", CancellationToken.None));

        Assert.Contains("leads through a link of", refusal.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Scratch_space_of_somebody_else_that_is_swapped_away_has_root_write_and_remove_nothing_there()
    {
        Need.Root();
        var scratch = temp.Sub("scratch");
        await Shell.BashAsync($"chown {Attacker} '{scratch}'");
        var before = await OutsideAsync();
        using (var space = new ScratchDirectory(scratch))
        {
            var file = space.NewFile();
            await Shell.BashAsync($"cd '{scratch}'; for d in nexus-backup-*/; do d=${{d%/}}; mv $d away; ln -s '{roots.Path}' $d; chown -h {Attacker} $d; done");
            await File.WriteAllTextAsync(file, "still root's own");
            Assert.Equal("still root's own", await File.ReadAllTextAsync(file));
            using var another = space.NewWorkspace();
        }

        Assert.Equal(before, await OutsideAsync());
    }

    /// <summary>The owner of the scratch space leads to root's other database whatever path SQLite goes by: it is neither written to, nor taken for the copy.</summary>
    [SkippableTheory]
    [InlineData("wal", "")]
    [InlineData("delete", "; db.execute('PRAGMA cache_size=5'); db.execute('PRAGMA cache_spill=5'); db.execute('BEGIN'); db.execute(\"UPDATE t SET note = hex(randomblob(60))\"); os.sync()")]
    public async Task Sqlite_works_on_roots_copies_in_scratch_space_that_somebody_else_swaps_all_the_time(string journalMode, string unfinished)
    {
        Need.Root();
        await SqliteSamples.SqlAsync(roots["app.db"], $"PRAGMA journal_mode = {journalMode}; CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i, 'x' FROM n");
        await SqliteSamples.SqlAsync(roots["other.db"], "PRAGMA journal_mode = wal; CREATE TABLE other (x)");
        var killed = await SqliteSamples.HoldAsync(roots["app.db"], $"db.execute('PRAGMA wal_autocheckpoint=0'); db.execute(\"INSERT INTO t (note) VALUES ('later')\"){unfinished}");
        await killed.KillAsync();
        var before = await OutsideAsync();
        await Shell.BashAsync($"mkdir '{temp.Path}/scratch'; chown {Attacker} '{temp.Path}/scratch'; chmod 711 '{temp.Path}'");
        // One moment root's own lies there, the next a directory that gives root's other database each name that is in use.
        var swap = $"cd '{temp.Path}/scratch'; for d in nexus-backup-*; do case $d in *.lock|*.own) continue;; esac; "
            + $"if [ -d $d.own ]; then rm -rf $d; mv $d.own $d; elif [ -d $d ]; then mv $d $d.own; mkdir $d; for f in $(ls $d.own); do ln -s '{roots["other.db"]}' $d/$f; done; chown -h {Attacker} $d; fi; done; true";

        var (said, calls) = await Child.RunAgainstAsync(swap, temp["scratch"], "snapshot-rows", roots["app.db"], temp["scratch"]);

        Assert.Contains(calls, call => call.Contains(".scratch", StringComparison.Ordinal));
        Assert.Equal("2001", said);
        Assert.Equal(before, await OutsideAsync());
    }

    [SkippableFact]
    public async Task Leftovers_that_are_links_have_root_remove_nothing()
    {
        Need.Root();
        var scratch = temp.Sub("scratch");
        await Shell.BashAsync($"cd '{scratch}'; ln -s '{roots.Path}' nexus-backup-0; mkdir nexus-backup-1; ln -s '{roots.Path}' nexus-backup-1/in; chown -R -h {Attacker} .");
        var before = await OutsideAsync();

        new ScratchDirectory(scratch).RemoveLeftovers(FileSystemClock.Now.AddHours(1));

        Assert.Equal(before, await OutsideAsync());
    }

    /// <summary>Somebody else's directory on the way lets the agent through, and not list it: a backup and a restore need no more. Root is one whom the kernel lets do nothing that others may not, as on a network disk.</summary>
    [SkippableTheory]
    [InlineData(Attacker, 0)]
    [InlineData(0, Attacker)]
    public async Task A_directory_on_the_way_need_only_be_let_through(int agent, int owner)
    {
        Need.Root();
        Need.Tool("setpriv");
        var way = temp.Sub("way");
        var place = temp.Sub("way/place");
        var (bench, _) = await RestoreBench.WithBackupAsync("wal", root: place);
        bench.Dispose();
        await Shell.BashAsync($"chmod 711 '{temp.Path}'; chown -R {agent}:{agent} '{place}'; chown {owner}:{owner} '{way}'; chmod 711 '{way}'");

        Assert.Equal("Success", await Child.RunAsUserAsync(agent, ["backup", place, "Full"]));
        Assert.Equal("restored", await Child.RunAsUserAsync(agent, ["restore", place]));
    }

    [SkippableFact]
    public async Task A_directory_that_is_written_in_need_not_be_listed()
    {
        Need.Root();
        Need.Tool("setpriv");
        var state = temp.Sub("state");
        Directory.CreateDirectory(Path.Combine(state, "locks"));
        await Shell.BashAsync($"chmod 711 '{temp.Path}'; chown -R {Attacker} '{state}'; chmod 300 '{state}' '{state}/locks'");

        Assert.Equal("ok", await Child.RunAsUserAsync("take-lock", state));
    }

    /// <summary>All that somebody made beside the database becomes a link to root's file.</summary>
    private string Swap => $"cd '{temp.Path}'; for f in .app.db.* app.db-*; do if [ -e \"$f\" ] && [ ! -L \"$f\" ]; then mv -f \"$f\" \"taken-$f\"; ln -s '{Victim}' \"$f\"; chown -h {Attacker} \"$f\" \"taken-$f\"; fi; done; true";

    private Task GiveAwayAsync() => Shell.BashAsync($"chown {Attacker}:{Attacker} '{temp.Path}' '{temp.Path}'/app.db*");

    private async Task RequireUntouchedAsync(string mode = "600")
    {
        Assert.Equal("only root's", await File.ReadAllTextAsync(Victim));
        Assert.Equal($"0 0 {mode} 1", await Shell.RunAsync("stat", "-c", "%u %g %a %h", Victim));
    }

    private Task<string> OutsideAsync() => Shell.BashAsync($"cd '{roots.Path}'; find . -printf '%p %u %m %n %s %l\\n' | sort; sha256sum *");

    private static void RequireOneLine(RunFailure failure)
    {
        Assert.DoesNotContain('\n', failure.Message + failure.Hint);
        Assert.NotEmpty(failure.Hint);
    }
}
