using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>A <c>-shm</c> is a hint, never data: what is captured is what SQLite itself would read.</summary>
public sealed class StaleIndexTests : SqliteSourceFixture
{
    private const string Older = "older";
    private const string Zeroed = "python3 -c \"import sys; f = open(sys.argv[1], 'r+b'); f.write(bytes(32768))\" '{0}'";

    [SkippableTheory]
    [InlineData(Older, false)]
    [InlineData(Zeroed, false)]
    [InlineData("truncate -s 100 '{0}'", false)]
    [InlineData("truncate -s 0 '{0}'", false)]
    [InlineData("printf '\\x01' | dd of='{0}' conv=notrunc status=none", false)]
    [InlineData("rm '{0}'", false)]
    [InlineData(Older, true)]
    [InlineData(Zeroed, true)]
    [InlineData("truncate -s 100 '{0}'", true)]
    [InlineData("rm '{0}'", true)]
    public async Task Of_a_snapshot_of_a_file_system_all_is_captured_that_the_wal_committed(string damage, bool isReadOnly)
    {
        var place = Temp.Sub("snapshot");
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, $"""
            import shutil
            db.execute('PRAGMA wal_autocheckpoint=0')
            for i in range(10): db.execute('UPDATE total SET transfers = transfers + 1')
            shutil.copy(sys.argv[1] + '-shm', '{place}/app.db-shm')
            for i in range(490): db.execute('UPDATE total SET transfers = transfers + 1')
            for ending in ('', '-wal'): shutil.copy(sys.argv[1] + ending, '{place}/app.db' + ending)
            """);
        if (damage != Older)
            await Shell.BashAsync(damage.Replace("{0}", $"{place}/app.db-shm", StringComparison.Ordinal));
        if (isReadOnly)
        {
            Need.Root();
            await Shell.BashAsync($"mount --bind '{place}' '{place}' && mount -o remount,ro,bind '{place}'");
        }

        try
        {
            Assert.Equal(500, await SqliteSamples.AssertLedgerAsync(await CopyAsync(Path.Combine(place, "app.db"))));
        }
        finally
        {
            if (isReadOnly)
                await Shell.RunAsync("umount", "-l", place);
        }
    }

    /// <summary>Where a WAL ends is told by its salts and checksums. SQLite decides, and both take the same.</summary>
    [SkippableTheory]
    [InlineData("os.truncate(wal, size - 1000)")]
    [InlineData("f.seek(size // 2); f.write(b'damage')")]
    [InlineData("f.seek(0); f.write(bytes(32))")]
    [InlineData("f.seek(size); f.write(os.urandom(50000))")]
    [InlineData("f.seek(size); f.seek(0); head = f.read(32 + 4120); f.seek(size); f.write(head[32:])")]
    [InlineData("f.seek(40); f.write(b'salt')")]
    [InlineData("os.truncate(wal, 33)")]
    public async Task Of_a_damaged_wal_that_is_captured_which_sqlite_would_read(string damage)
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        var writer = await SqliteSamples.WriteAsync(Database, "wal", "none");
        await writer.KillAsync();
        await Shell.RunAsync("python3", "-c", $"import sys, os\nwal = sys.argv[1] + '-wal'\nsize = os.path.getsize(wal)\nf = open(wal, 'r+b')\n{damage}\nf.close()", Database);
        var clone = Temp.Sub("clone");
        await Shell.BashAsync($"cp -a '{Path.GetDirectoryName(Database)}/.' '{clone}'; rm -f '{clone}/app.db-shm'");

        var copy = await CopyAsync();

        Assert.Equal(await SqliteSamples.DumpAsync(Path.Combine(clone, "app.db")), await SqliteSamples.DumpAsync(copy));
    }

    /// <summary>As any other reader SQLite then makes the index anew, from the WAL.</summary>
    [SkippableFact]
    public async Task Of_a_live_database_with_a_zeroed_index_all_is_captured()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\nfor i in range(50): db.execute('UPDATE total SET transfers = transfers + 1')");
        await Shell.BashAsync(Zeroed.Replace("{0}", Database + "-shm", StringComparison.Ordinal));
        Assert.Equal(50, await SqliteSamples.AssertLedgerAsync(await CopyAsync()));
    }

    [SkippableFact]
    public async Task An_index_of_another_version_is_refused_with_that_reason()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 1')");
        await Shell.RunAsync("python3", "-c", """
            import struct, sys
            with open(sys.argv[1], 'r+b') as f:
                head = bytearray(f.read(40))
                head[0:4] = struct.pack('=I', 3007001)
                a = b = 0
                for x, y in struct.iter_unpack('=II', head):
                    a = (a + x + b) & 0xFFFFFFFF
                    b = (b + y + a) & 0xFFFFFFFF
                f.seek(0)
                f.write(2 * (head + struct.pack('=II', a, b)))
            """, Database + "-shm");

        Assert.Contains("another version", (await RefusalAsync(busySeconds: 0.2)).Message, StringComparison.Ordinal);
    }

    /// <summary>An index that names another commit than the WAL holds there is not believed.</summary>
    [SkippableFact]
    public async Task An_index_that_does_not_fit_its_wal_is_refused()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, $"""
            import shutil
            db.execute('PRAGMA wal_autocheckpoint=0')
            db.execute('UPDATE total SET transfers = 1')
            """);
        await Shell.RunAsync("python3", "-c", """
            import sys
            with open(sys.argv[1], 'r+b') as f:
                f.seek(32 + 16)
                f.write(b'another!')
            """, Database + "-wal");
        Assert.Contains("is not the commit that its -shm names", (await RefusalAsync(busySeconds: 0.2)).Message, StringComparison.Ordinal);
    }
}
