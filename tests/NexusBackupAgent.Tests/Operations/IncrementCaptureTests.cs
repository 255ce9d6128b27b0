using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Whatever happens to a database, an increment of it restores to what it was.</summary>
public sealed class IncrementCaptureTests : IncrementFixture
{
    [SkippableTheory]
    [InlineData("wal", 512)]
    [InlineData("wal", 4096)]
    [InlineData("wal", 65536)]
    [InlineData("delete", 512)]
    [InlineData("delete", 1024)]
    [InlineData("truncate", 8192)]
    [InlineData("persist", 65536)]
    public async Task Changed_rows_are_stored_as_changed_pages(string journalMode, int pageSize)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode, pageSize);
        await CaptureAsync(BackupType.Full);
        await SqlAsync("UPDATE debit SET amount = amount - 5 WHERE id % 700 = 3; UPDATE credit SET amount = 5 WHERE id % 700 = 3");
        var increment = await IncrementAsync();
        Assert.InRange(increment.Manifest.Content.Length, pageSize, (pageSize + 24) * 10);
        await AssertIsDatabaseAsync(increment);
    }

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task A_database_that_grows_and_shrinks_is_followed(string journalMode)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode, 1024);
        await CaptureAsync(BackupType.Full);
        foreach (var change in (string[])[
            "INSERT INTO log (amount, note) SELECT 1, hex(randomblob(700)) FROM debit",
            "DELETE FROM log WHERE id % 2; VACUUM",
            "DELETE FROM log; VACUUM",
            "INSERT INTO log (amount, note) SELECT 2, hex(randomblob(400)) FROM debit"])
        {
            await SqlAsync(change);
            await AssertIsDatabaseAsync(await IncrementAsync(BackupType.Differential));
            await AssertIsDatabaseAsync(await IncrementAsync(BackupType.Incremental));
        }
    }

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("incremental")]
    public async Task Databases_that_vacuum_themselves_are_followed(string vacuum)
    {
        await SqliteSamples.LedgerAsync(Database, "wal", before: $"PRAGMA auto_vacuum = {vacuum};");
        await CaptureAsync(BackupType.Full);
        await SqlAsync("DELETE FROM debit WHERE id > 900; PRAGMA incremental_vacuum");
        await AssertIsDatabaseAsync(await IncrementAsync());
    }

    [SkippableFact]
    public async Task Nothing_changed_costs_little_with_large_pages_and_a_large_schema_too()
    {
        await SqliteSamples.SqlAsync(Database, "PRAGMA page_size=65536; CREATE TABLE first (x); " + string.Concat(Enumerable.Range(0, 350).Select(table => $"CREATE TABLE table_{table} (column_{table * 7919} TEXT NOT NULL, another_{table * 104729} INTEGER); ")));
        await CaptureAsync(BackupType.Full);
        var increment = await IncrementAsync();
        Assert.InRange(increment.ActualLength, 1, 2000);
        await AssertIsDatabaseAsync(increment);
    }

    [SkippableFact]
    public async Task Another_journal_mode_is_a_change_like_any_other()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        await CaptureAsync(BackupType.Full);
        foreach (var journalMode in (string[])["wal", "delete", "wal"])
        {
            await SqlAsync($"PRAGMA journal_mode = {journalMode}; UPDATE total SET transfers = transfers + 1");
            await AssertIsDatabaseAsync(await IncrementAsync());
        }
    }

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task Nothing_changed_is_a_restore_point_that_costs_next_to_nothing(string journalMode)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await CaptureAsync(BackupType.Full);
        for (var i = 0; i < 2; i++)
        {
            var increment = await IncrementAsync();
            Assert.InRange(increment.ActualLength, 1, 2000);
            var everything = TempDirectory.FilesIn(Bench.StorePath).Where(file => file.StartsWith(increment.File, StringComparison.Ordinal) && !file.EndsWith(".json", StringComparison.Ordinal));
            Assert.InRange(everything.Sum(file => new FileInfo(Path.Combine(Bench.StorePath, file)).Length), 1, 2048);
            await AssertIsDatabaseAsync(increment);
        }
    }

    [SkippableFact]
    public async Task Another_page_size_makes_a_full_backup()
    {
        await SqliteSamples.LedgerAsync(Database, "delete", 1024);
        await CaptureAsync(BackupType.Full);
        await SqlAsync("PRAGMA page_size = 2048; VACUUM");
        Assert.Contains("its pages have 2048 bytes now, and 1024", await FullInsteadAsync(), StringComparison.Ordinal);
        await SqlAsync("UPDATE total SET transfers = 8");
        await AssertIsDatabaseAsync(await IncrementAsync());
    }

    [SkippableFact]
    public async Task A_file_that_was_replaced_by_another_or_an_older_one_is_followed()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        await CaptureAsync(BackupType.Full);
        File.Copy(Database, Database + ".old");
        await SqlAsync("DELETE FROM log; DELETE FROM debit WHERE id > 500");
        await AssertIsDatabaseAsync(await IncrementAsync());
        File.Move(Database + ".old", Database, overwrite: true);
        await AssertIsDatabaseAsync(await IncrementAsync());

        File.Delete(Database);
        await SqlAsync("CREATE TABLE another (x); INSERT INTO another VALUES ('one')");
        await AssertIsDatabaseAsync(await IncrementAsync());
    }

    [SkippableFact]
    public async Task Changes_that_the_file_hides_are_found()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        await CaptureAsync(BackupType.Full);
        var (before, time) = (await File.ReadAllBytesAsync(Database), File.GetLastWriteTimeUtc(Database));
        await SqlAsync("UPDATE debit SET amount = 77 WHERE id = 1234");
        await using (var file = File.OpenWrite(Database))
        {
            foreach (var counter in (int[])[24, 92]) // change counter, version-valid-for
            {
                file.Position = counter;
                file.Write(before, counter, 4);
            }
        }

        File.SetLastWriteTimeUtc(Database, time);
        var increment = await IncrementAsync();
        await AssertIsDatabaseAsync(increment);
        Assert.Equal("77", await SqliteSamples.SqlAsync(await RestoreAsync(increment), "SELECT amount FROM debit WHERE id = 1234"));
    }

    [SkippableFact]
    public async Task Each_link_of_a_chain_restores_to_its_own_state()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await CaptureAsync(BackupType.Full);
        var made = new List<(Backup Backup, string State)>();
        for (var i = 0; i < 6; i++)
        {
            await SqlAsync($"UPDATE debit SET amount = {i} WHERE id % 400 = {i}; INSERT INTO log (amount, note) VALUES ({i}, hex(randomblob(3000))); PRAGMA wal_checkpoint(TRUNCATE)");
            var type = i == 3 ? BackupType.Differential : BackupType.Incremental;
            var state = $"{Database}.{i}";
            made.Add((await IncrementAsync(type), state));
            File.Copy(Database, state);
        }

        Assert.Equal([1, 2, 3, 1, 2, 3], made.Select(entry => entry.Backup.Bases.Count));
        foreach (var (backup, state) in made)
            await AssertSameAsync(backup, state);
    }

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task A_database_that_is_written_all_the_time_is_captured_as_it_was_at_one_instant(string journalMode)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode, 1024);
        await CaptureAsync(BackupType.Full);
        await using var writer = await SqliteSamples.WriteAsync(Database, journalMode);
        for (var i = 0; i < 6; i++)
            await SqliteSamples.AssertLedgerAsync(await RestoreAsync(await IncrementAsync()));
        Assert.True(await writer.StopAsync() > 20);
    }

    /// <summary>A file of zeros with a database's first page will do: no SQLite writes here.</summary>
    [SkippableFact]
    public async Task The_page_with_the_locks_is_never_stored()
    {
        const int PageSize = 65536;
        const long LockPage = 1L << 30;
        await SqlAsync($"PRAGMA page_size = {PageSize}; CREATE TABLE t (x)");
        await ExtendAsync(LockPage - PageSize);
        await CaptureAsync(BackupType.Full);
        await ExtendAsync(LockPage + 3 * PageSize);
        await PokeAsync(LockPage + PageSize + 7);
        await PokeAsync(LockPage + 9);
        var grown = await IncrementAsync();
        Assert.InRange(grown.Manifest.Content.Length, 3 * PageSize, 5 * PageSize);

        await PokeAsync(LockPage + 2 * PageSize + 9);
        var second = await IncrementAsync();
        Assert.InRange(second.Manifest.Content.Length, PageSize, PageSize + 100);
        await using (var file = File.OpenWrite(Database))
        {
            file.Position = LockPage; // what restoring gives there
            await file.WriteAsync(new byte[PageSize]);
        }

        await AssertIsDatabaseAsync(second);
        await CaptureAsync(BackupType.Full);
        await PokeAsync(LockPage + 9);
        // Restored from a gigabyte once more only where time is no matter.
        var reason = TestScope.IsWhole ? await FullInsteadAsync() : (await CaptureAsync(BackupType.Incremental)).FullBecause;
        Assert.Contains("the page that holds SQLite's locks changed", reason, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Any_edits_in_any_order_restore_to_what_they_made(int seed)
    {
        var random = new Random(seed);
        var pageSize = 512 << random.Next(4);
        await SqliteSamples.LedgerAsync(Database, random.Next(2) == 0 ? "wal" : "delete", pageSize, before: random.Next(2) == 0 ? "PRAGMA auto_vacuum = full;" : "");
        await CaptureAsync(BackupType.Full);
        for (var round = 0; round < 10; round++)
        {
            for (var edits = random.Next(4); edits > 0; edits--)
                await SqlAsync(RandomEdit(random));
            var backup = (await CaptureAsync((BackupType)random.Next(3))).Backup;
            await SqlAsync("PRAGMA wal_checkpoint(TRUNCATE)");
            await AssertIsDatabaseAsync(backup);
        }
    }

    private static string RandomEdit(Random random)
    {
        var number = random.Next(2000).ToString(CultureInfo.InvariantCulture);
        return random.Next(8) switch
        {
            0 => $"UPDATE debit SET amount = {number} WHERE id % 97 = {number} % 97",
            1 => $"INSERT INTO log (amount, note) SELECT {number}, hex(randomblob(id % 900)) FROM debit WHERE id % 9 = 0",
            2 => $"DELETE FROM log WHERE id % 3 = {number} % 3",
            3 => "VACUUM",
            4 => $"CREATE TABLE IF NOT EXISTS t{number} AS SELECT * FROM credit WHERE id < {number}",
            5 => "PRAGMA journal_mode = wal; UPDATE total SET transfers = 3",
            6 => "PRAGMA journal_mode = delete; UPDATE total SET transfers = 4",
            _ => $"REINDEX; UPDATE credit SET filler = zeroblob({number}) WHERE id = {number}",
        };
    }

    private async Task ExtendAsync(long length)
    {
        await using var file = File.OpenWrite(Database);
        file.SetLength(length);
    }

    private async Task PokeAsync(long position)
    {
        await using var file = File.OpenWrite(Database);
        file.Position = position;
        file.WriteByte(0xaa);
    }
}
