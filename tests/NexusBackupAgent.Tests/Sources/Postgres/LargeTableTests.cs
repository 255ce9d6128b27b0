using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A table of 2 GB lies in several files, whose pages are counted from one to the next.</summary>
public sealed class LargeTableTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Sum = "SELECT count(*) || ' ' || sum(id) || ' ' || sum(length(line)) || (SELECT string_agg(line, ' ' ORDER BY id) FROM wide WHERE id IN (1, 270001, 539999)) FROM wide";

    [SkippableFact]
    public async Task A_table_of_two_gigabytes_is_dumped_and_drilled_and_a_cluster_with_it_restored_as_it_was_last()
    {
        Skip.IfNot(TestScope.IsWhole, "writes ten gigabytes: tests/run all does it");
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE wide (id int, line text)", "ALTER TABLE wide ALTER line SET STORAGE PLAIN", "INSERT INTO wide SELECT i, repeat(md5(i::text), 120) FROM generate_series(1, 540000) i", "CREATE INDEX ON wide (id)");
        Assert.InRange(long.Parse(bench.Rows("SELECT pg_relation_size('wide')")[0], null), 2L << 30, 3L << 30);
        await bench.DoAsync("backup"); // which reads it back
        await bench.DoAsync("drill");

        using var whole = new DatabaseBench(cluster);
        whole.Configure(cluster.Uri(bench.Database), whole.Physical);
        await whole.DoAsync("backup");
        bench.Execute("UPDATE wide SET line = md5(line) WHERE id IN (1, 270001, 539999)");
        await whole.DoAsync("backup", "--type", "differential");
        var differential = new FileInfo(Assert.Single(Directory.GetFiles(whole.Store, "*.diff.tar.gz")));
        Assert.InRange(differential.Length, 1, 64L << 20);
        bench.Execute("DELETE FROM wide WHERE id = 400000");
        await whole.DoAsync("backup", "--type", "incremental");
        var to = Path.Combine(Path.GetDirectoryName(cluster.Data)!, "restored");
        await whole.DoAsync("restore", "shop", "--to", to);
        Assert.Equal(bench.Rows(Sum), Physical.RowsOf(cluster, to, Sum, bench.Database));
        PhysicalBench.RunAsync($"pg_checksums --check -D '{to}'").GetAwaiter().GetResult();
    }
}
