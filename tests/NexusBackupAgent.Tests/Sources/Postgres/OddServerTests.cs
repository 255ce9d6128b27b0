using System.Globalization;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>Servers that are not as usual: one follows another one, the disk of one is full, one holds a large table.</summary>
public sealed class OddServerTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    /// <summary>Bytes. The goal of 120 MB for the published agent docs/benchmarks.md holds; here a process compiles itself besides.</summary>
    private const long MostMemory = 200_000_000;

    private static readonly int Mebibytes = TestScope.IsWhole ? 2048 : 48;

    [SkippableFact]
    public async Task A_standby_gives_logical_backups_and_says_what_it_can_not_do()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 100) i", "CREATE UNLOGGED TABLE cache AS SELECT 1 AS k");
        var (data, port) = (Path.Combine(Path.GetDirectoryName(cluster.Data)!, "standby"), cluster.Port + 1);
        cluster.RunAsUser("pg_basebackup", "-D", data, "-R", "-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres", "--checkpoint=fast", "--no-sync");
        cluster.RunAsUser("pg_ctl", "-D", data, "-l", cluster.LogFile, "-w", "-t", "60", "-o", $"-c port={port} -c listen_addresses=''", "start");
        try
        {
            var standby = cluster.Uri(bench.Database).Replace($"port={cluster.Port}", $"port={port}", StringComparison.Ordinal);
            bench.Configure(standby, $"scratchServer: {DatabaseBench.Quote(cluster.Uri("postgres"))}");
            await bench.DoAsync("backup");
            Assert.Contains("\"public\".\"cache\"", (await bench.DoAsync("verify")).Output, StringComparison.Ordinal);
            await bench.DoAsync("drill");

            bench.Configure(standby);
            Assert.Contains("is a standby", await bench.RefusedAsync(5, "drill"), StringComparison.Ordinal);
            Assert.Contains("scratchServer", (await bench.Place.RunAsync("drill")).Error, StringComparison.Ordinal);
            bench.Configure(standby, bench.Physical);
            Assert.Contains("is a standby, which can't close a WAL segment", await bench.RefusedAsync(3), StringComparison.Ordinal);
            Assert.Contains("name the primary", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
            await bench.AllAreGoodAsync(count: 1);
        }
        finally
        {
            cluster.RunAsUser("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop");
        }
    }

    [SkippableTheory]
    [InlineData(false, "*.dump")]
    [InlineData(true, "*.tar.gz")]
    public async Task A_servers_full_disk_is_told_as_that_and_what_was_backed_up_stays(bool isPhysical, string files)
    {
        PostgresCluster.Require();
        await using var small = await SmallFileSystem.MountAsync("size=200m,mode=777");
        File.SetUnixFileMode(Path.GetDirectoryName(small.Path)!, (UnixFileMode)Convert.ToInt32("711", 8)); // the server's user goes through
        using var full = new PostgresCluster(PostgresCluster.Binaries, Path.Combine(small.Path, "data"), "max_wal_size = 48MB", "min_wal_size = 32MB", "autovacuum = off");
        using var bench = new DatabaseBench(full);
        var keys = isPhysical ? bench.Physical : "";
        bench.Execute("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 1000) i");
        bench.Configure(keys: keys);
        await bench.DoAsync("backup");
        await full.DropSlotsAsync();

        await Shell.TryAsync("dd", "if=/dev/zero", $"of={Path.Combine(small.Path, "filler")}", "bs=64k", "status=none"); // until there is no room
        var said = await bench.RefusedAsync(3);
        Assert.Contains($"the disk of '{full.Uri(bench.Database)}' is full", said, StringComparison.Ordinal);

        File.Delete(Path.Combine(small.Path, "filler"));
        bench.Configure(keys: keys);
        await bench.DoAsync("backup");
        await bench.AllAreGoodAsync(count: 2, keys, files);
    }

    [SkippableFact]
    public async Task A_restore_that_fills_the_servers_disk_leaves_the_old_database_alone()
    {
        await using var small = await SmallFileSystem.MountAsync("size=12m,mode=777");
        File.SetUnixFileMode(Path.GetDirectoryName(small.Path)!, (UnixFileMode)Convert.ToInt32("711", 8));
        using var bench = new DatabaseBench(cluster);
        var place = Path.Combine(small.Path, "space");
        await Shell.RunAsync("install", "-d", "-m", "700", "-o", "65534", "-g", "65534", place);
        bench.Execute($"CREATE TABLESPACE small_{bench.Database} LOCATION '{place}'");
        bench.Execute($"CREATE TABLE orders TABLESPACE small_{bench.Database} AS SELECT i AS id, repeat(md5(i::text), 10) AS pad FROM generate_series(1, 20000) i"); // 7 MB
        await bench.DoAsync("backup");
        var said = await bench.RefusedAsync(5, "restore", "shop", "--force");
        Assert.Contains("No space left on device", said, StringComparison.Ordinal);
        Assert.Contains("the old database is untouched", said, StringComparison.Ordinal);
        Assert.Equal(["20000"], bench.Rows("SELECT count(*) FROM orders"));
        Assert.Empty(bench.Leftovers().Concat(bench.SafetyCopies()));
        await bench.AllAreGoodAsync(count: 1);
        cluster.Execute("postgres", $"DROP DATABASE {bench.Database}", $"DROP TABLESPACE small_{bench.Database}");
    }

    /// <summary>2 GB in <c>tests/run all</c>.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_large_table_takes_no_more_memory_than_a_small_one(bool isPhysical)
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE large (id int, content text)", "ALTER TABLE large ALTER content SET STORAGE EXTERNAL");
        bench.Execute($"INSERT INTO large SELECT i, repeat(md5(i::text), 250) FROM generate_series(1, {Mebibytes * 128}) i");
        bench.Configure(keys: isPhysical ? bench.Physical : "");
        var to = isPhysical ? Path.Combine(Path.GetDirectoryName(cluster.Data)!, "large-" + bench.Database) : bench.Database + "_again";

        var peak = long.Parse(await Child.RunAsync("commands-in-memory", "2026-02-14T03:00:00Z", bench.Place.Path, "backup", "verify --all", $"restore shop --to {to}"), CultureInfo.InvariantCulture);

        Assert.True(peak < MostMemory, $"{peak / 1e6:0.0} MB");
        const string Count = "SELECT count(*) || ' ' || sum(length(content)) FROM large";
        Assert.Equal($"{Mebibytes * 128} {Mebibytes * 128L * 8000}", isPhysical ? Physical.RowsOf(cluster, to, Count, bench.Database)[0] : bench.Rows(Count, to)[0]);
        await bench.AllAreGoodAsync(count: 1, isPhysical ? bench.Physical : "", isPhysical ? "*.tar.gz" : "*.dump");
        if (isPhysical)
            Directory.Delete(to, recursive: true);
    }
}
