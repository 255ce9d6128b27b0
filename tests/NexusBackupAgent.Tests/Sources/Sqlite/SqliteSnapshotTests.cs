using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>A snapshot is one state that the database really had, however much others write meanwhile.</summary>
public sealed class SqliteSnapshotTests : SqliteSourceFixture
{
    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    [InlineData("truncate")]
    [InlineData("persist")]
    [InlineData("memory")]
    public async Task A_quiet_database_is_copied_byte_for_byte(string journalMode)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await AssertSameBytesAsync(Database, await CopyAsync());
    }

    [SkippableTheory]
    [InlineData("wal", 512)]
    [InlineData("wal", 1024)]
    [InlineData("wal", 65536)]
    [InlineData("delete", 512)]
    [InlineData("delete", 65536)]
    public async Task Every_page_size_is_copied(string journalMode, int pageSize)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode, pageSize);
        await using var writer = await SqliteSamples.WriteAsync(Database, journalMode, "none");
        await SqliteSamples.AssertLedgerAsync(await CopyAsync());
        await writer.StopAsync();
        await AssertSameBytesAsync(Database, await CopyAsync());
    }

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("incremental")]
    public async Task A_database_that_vacuums_itself_is_copied_while_it_shrinks(string vacuum)
    {
        await SqliteSamples.LedgerAsync(Database, "wal", before: $"PRAGMA auto_vacuum = {vacuum};");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('DELETE FROM debit WHERE id >= 1000 AND amount = 1000')\ndb.execute('UPDATE credit SET amount = 1000 WHERE id < 1000')\ndb.execute('PRAGMA incremental_vacuum').fetchall()");
        var copy = await CopyAsync(whileOpen: () => SqliteSamples.SqlAsync(Database, "DELETE FROM log; VACUUM;"));
        await SqliteSamples.AssertLedgerAsync(copy);
    }

    [SkippableTheory]
    [InlineData("wal", "auto")]
    [InlineData("wal", "none")]
    [InlineData("wal", "PASSIVE")]
    [InlineData("wal", "TRUNCATE")]
    [InlineData("delete", "none")]
    [InlineData("truncate", "none")]
    [InlineData("persist", "none")]
    [InlineData("memory", "none")]
    public async Task A_database_that_is_written_all_the_time_is_copied_as_it_was_at_one_instant(string journalMode, string checkpoint)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await using var writer = await SqliteSamples.WriteAsync(Database, journalMode, checkpoint);
        var seen = 0;
        var started = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 15; i++)
        {
            var transfers = await SqliteSamples.AssertLedgerAsync(await CopyAsync());
            Assert.True(transfers >= seen, "an older state than the one before");
            seen = transfers;
        }

        var perSecond = seen / TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        Assert.True(await writer.StopAsync() > 20);
        Assert.True(perSecond > 20, $"the writer came through {perSecond} times a second only");
    }

    /// <summary>The reader's rules hold whatever a checkpoint does between any two of its steps.</summary>
    [SkippableFact]
    public async Task Many_snapshots_amid_checkpoints_of_every_kind_are_all_sound()
    {
        await SqliteSamples.LedgerAsync(Database, "wal", pageSize: 1024);
        await using var writer = await SqliteSamples.WriteAsync(Database, "wal", "any");
        await using var second = await SqliteSamples.WriteAsync(Database, "wal", "any");
        var copies = new List<string>();
        for (var i = 0; i < 120; i++)
            copies.Add(await CopyAsync());

        // One shell for all: each copy answers for itself.
        var script = string.Join('\n', copies.Select(copy => $"sqlite3 '{copy}' \"PRAGMA integrity_check; SELECT (SELECT sum(amount) FROM debit) + (SELECT sum(amount) FROM credit);\""));
        var answers = (await Shell.BashAsync(script)).Split('\n').Distinct(StringComparer.Ordinal);
        Assert.Equal(["ok", "2000000"], answers);
    }

    [SkippableFact]
    public async Task In_wal_mode_writers_and_checkpoints_go_on_while_a_snapshot_is_held()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 1')");
        var copy = await CopyAsync(whileOpen: async () =>
        {
            // No timeout at all: the first try has to succeed.
            await Shell.RunAsync("sqlite3", "-bail", Database, "PRAGMA busy_timeout = 0; UPDATE total SET transfers = 2; DELETE FROM log; PRAGMA wal_checkpoint(PASSIVE); UPDATE debit SET filler = 'new'; PRAGMA wal_checkpoint(PASSIVE);");
            Assert.Equal("2", await SqliteSamples.SqlAsync(Database, "SELECT transfers FROM total"));
        });
        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(copy));
        Assert.Equal("0", await SqliteSamples.SqlAsync(copy, "SELECT count(*) FROM debit WHERE filler = 'new'"));
    }

    [SkippableFact]
    public async Task In_wal_mode_a_snapshot_of_a_fully_checkpointed_database_stays_what_it_was()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('UPDATE total SET transfers = 1')\ndb.execute('PRAGMA wal_checkpoint(PASSIVE)').fetchall()");
        var copy = await CopyAsync(whileOpen: () => SqliteSamples.SqlAsync(Database, "UPDATE total SET transfers = 2; UPDATE debit SET filler = 'new'; PRAGMA wal_checkpoint(PASSIVE); UPDATE total SET transfers = 3;"));
        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(copy));
    }

    [SkippableFact]
    public async Task Pages_that_only_the_wal_holds_are_copied()
    {
        await SqliteSamples.SqlAsync(Database, "PRAGMA journal_mode = wal; CREATE TABLE t (x);");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\nfor i in range(200): db.execute('INSERT INTO t VALUES (zeroblob(5000))')");
        Assert.True(new FileInfo(Database).Length < 20_000);
        Assert.Equal("ok\n200", await SqliteSamples.SqlAsync(await CopyAsync(), "PRAGMA integrity_check; SELECT count(*) FROM t"));
    }

    [SkippableFact]
    public async Task An_empty_wal_of_a_live_database_means_the_file_itself()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('UPDATE total SET transfers = 7')\ndb.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()");
        Assert.Equal(0, new FileInfo(Database + "-wal").Length);
        Assert.Equal(7, await SqliteSamples.AssertLedgerAsync(await CopyAsync()));
    }

    [SkippableFact]
    public async Task A_closed_database_in_wal_mode_is_copied_without_touching_its_directory()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        File.SetLastWriteTimeUtc(Database, Some.Instant.UtcDateTime);
        Directory.SetLastWriteTimeUtc(Path.GetDirectoryName(Database)!, Some.Instant.UtcDateTime);

        var copy = await CopyAsync(whileOpen: () =>
        {
            Assert.Equal(["app.db"], TempDirectory.FilesIn(Path.GetDirectoryName(Database)!));
            return Task.CompletedTask;
        });

        await AssertSameBytesAsync(Database, copy);
        Assert.Equal(["app.db"], TempDirectory.FilesIn(Path.GetDirectoryName(Database)!));
        Assert.Equal(Some.Instant.UtcDateTime, Directory.GetLastWriteTimeUtc(Path.GetDirectoryName(Database)!));
        Assert.Equal(Some.Instant.UtcDateTime, File.GetLastWriteTimeUtc(Database));
    }

    [SkippableFact]
    public async Task In_rollback_mode_writers_wait_for_the_copy_only()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        var copy = await CopyAsync(whileOpen: () => Shell.RunAsync("sqlite3", "-bail", Database, "PRAGMA busy_timeout = 0; UPDATE total SET transfers = 2;"));
        Assert.Equal(0, await SqliteSamples.AssertLedgerAsync(copy));
    }

    [SkippableFact]
    public async Task What_a_killed_writer_left_in_the_wal_is_part_of_the_snapshot()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        var writer = await SqliteSamples.WriteAsync(Database, "wal", "none");
        await writer.KillAsync();
        Assert.True(File.Exists(Database + "-wal"));
        Assert.True(await SqliteSamples.AssertLedgerAsync(await CopyAsync()) >= 20);
    }

    [SkippableFact]
    public async Task A_killed_writer_s_hot_journal_is_rolled_back_first()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        // So small a cache that the transaction spills into the file before it commits.
        var writer = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA cache_size=5')\ndb.execute('PRAGMA cache_spill=5')\ndb.execute('BEGIN')\ndb.execute(\"UPDATE debit SET amount = 0, filler = hex(randomblob(60))\")\nos.sync()");
        await writer.KillAsync();
        Assert.True(new FileInfo(Database + "-journal").Length > 0);

        await SqliteSamples.AssertLedgerAsync(await CopyAsync());
    }

    /// <summary>A journal of several databases counts while their super-journal is there. It may name any file, and SQLite deletes that one in the end: not so a reader.</summary>
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_super_journal_of_a_hot_journal_is_asked_for_and_stays(bool isThere)
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        var writer = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA cache_size=5')\ndb.execute('PRAGMA cache_spill=5')\ndb.execute('BEGIN')\ndb.execute(\"UPDATE debit SET amount = 0, filler = hex(randomblob(60))\")\nos.sync()");
        await writer.KillAsync();
        if (isThere)
            await File.WriteAllTextAsync(Temp["somebody's"], "not a super-journal at all");
        await Shell.RunAsync("python3", "-c", """
            import struct, sys
            name = sys.argv[2].encode()
            with open(sys.argv[1], 'ab') as f:
                f.write(struct.pack('>I', (1 << 30) // 4096 + 1) + name + struct.pack('>II', len(name), sum(name)) + bytes.fromhex('d9d505f920a163d7'))
            """, Database + "-journal", Temp["somebody's"]);
        await Shell.BashAsync($"cp -a '{Path.GetDirectoryName(Database)}' '{Temp["clone"]}'");

        var copy = await CopyAsync();

        Assert.Equal(isThere, File.Exists(Temp["somebody's"]));
        Assert.Equal(await SqliteSamples.DumpAsync(Temp["clone/app.db"]), await SqliteSamples.DumpAsync(copy));
        Assert.False(File.Exists(Temp["somebody's"])); // what SQLite does where it may: the journal was taken seriously
    }

    [SkippableTheory]
    [InlineData("delete", "db.execute('BEGIN EXCLUSIVE')")]
    [InlineData("wal", "db.execute('PRAGMA locking_mode=EXCLUSIVE')\ndb.execute('BEGIN EXCLUSIVE')\ndb.execute('UPDATE total SET transfers = 1')")]
    public async Task A_database_locked_for_longer_than_the_timeout_is_busy(string journalMode, string python)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await using var holder = await SqliteSamples.HoldAsync(Database, python);

        var busy = await RefusalAsync(busySeconds: 0.2);

        Assert.Equal(FailureKind.SourceBusy, busy.Kind);
        Assert.Contains("stayed locked for 0.2 s", busy.Message, StringComparison.Ordinal);
        Assert.Contains("fuser", busy.Hint, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_lock_that_ends_in_time_is_waited_for()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('BEGIN EXCLUSIVE')");
        var copying = CopyAsync();
        Assert.False(copying.IsCompleted);
        await holder.StopAsync();
        await SqliteSamples.AssertLedgerAsync(await copying);
    }

    /// <summary>The page at 1 GiB, where SQLite keeps its locks, is never written: not to the file and not to the WAL.</summary>
    [SkippableFact]
    public async Task A_database_that_grows_past_one_gibibyte_in_its_wal_is_copied()
    {
        await SqliteSamples.SqlAsync(Database, "PRAGMA page_size = 65536; PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES (1);");
        await Shell.RunAsync("python3", "-c", """
            import struct, sys
            with open(sys.argv[1], 'r+b') as f:
                f.truncate((1 << 30) - 65536)
                f.seek(28); f.write(struct.pack('>I', (1 << 30) // 65536 - 1))
            """, Database);
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\nfor i in range(9): db.execute('INSERT INTO t VALUES (zeroblob(65536))')");
        await using var snapshot = await Source().OpenSnapshotAsync(CancellationToken.None);
        Assert.True(snapshot.Length > 1 << 30);
        await snapshot.CopyToAsync(Stream.Null, CancellationToken.None);
    }

    /// <summary>POSIX locks belong to process and file: another way to the same file is no other file.</summary>
    [SkippableTheory]
    [InlineData("the same path")]
    [InlineData("a linked directory")]
    public async Task Two_snapshots_of_one_database_in_one_process_do_not_disturb_each_other(string way)
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 1')");
        var secondPath = way == "the same path" ? Database : Path.Combine(Directory.CreateSymbolicLink(Temp["linked"], Path.GetDirectoryName(Database)!).FullName, "app.db");
        Task<string>? other = null;
        var copy = await CopyAsync(whileOpen: async () =>
        {
            other = CopyAsync(secondPath);
            Assert.False(other.IsCompleted); // it waits: closing its handles would drop this process's locks
            await SqliteSamples.SqlAsync(Database, "UPDATE debit SET filler = 'new'; UPDATE total SET transfers = 2; PRAGMA busy_timeout = 1; PRAGMA wal_checkpoint(RESTART); UPDATE total SET transfers = 3;");
        });
        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(copy));
        Assert.Equal(3, await SqliteSamples.AssertLedgerAsync(await other!));
    }

    [SkippableFact]
    public async Task A_database_that_its_application_opened_and_did_not_write_yet_is_copied()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('SELECT count(*) FROM total').fetchall()");
        Assert.True(File.Exists(Database + "-wal"));
        Assert.Equal(0, await SqliteSamples.AssertLedgerAsync(await CopyAsync()));
    }
}
