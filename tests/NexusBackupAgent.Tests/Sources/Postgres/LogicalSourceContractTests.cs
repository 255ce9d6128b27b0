using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Postgres.Logical;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A database that <c>pg_dump</c> backs up keeps to the contract of every kind.</summary>
public sealed class LogicalSourceContractTests(PostgresCluster cluster) : BackupSourceContract, IClassFixture<PostgresCluster>
{
    private readonly string database = $"Größe \"商店\" '{Guid.NewGuid().ToString("N")[..8]}";

    private string? tools;

    private protected override IBackupSource Source
    {
        get
        {
            PostgresCluster.Require();
            return LogicalSources.Of(cluster, database, Scratch, Clock, binDirectory: tools);
        }
    }

    private protected override string Elsewhere => database + " 2";

    private protected override string Question => "SELECT note FROM t WHERE id = 1";

    private protected override Task MakeAsync(string text)
    {
        PostgresCluster.Require();
        if (cluster.Rows("postgres", $"SELECT 1 FROM pg_database WHERE datname = {SqlName.Text(database)}").Count == 0)
            cluster.Execute("postgres", $"CREATE DATABASE {SqlName.Quote(database)}");
        cluster.Execute(
            database,
            "CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, note text)", "CREATE INDEX IF NOT EXISTS by_note ON t (note)", "TRUNCATE t",
            $"INSERT INTO t SELECT i, '{text} ' || i FROM generate_series(1, 3000) i");
        return Task.CompletedTask;
    }

    /// <summary>What is dumped lacks the rows of a table, and the tool that dumps it says that all is well.</summary>
    private protected override Task RuinAsync()
    {
        tools = LogicalSources.ToolsIn(Path.Combine(Root, "tools"), ("pg_dump", "exec \"$REAL\" --exclude-table-data=t \"$@\""));
        return Task.CompletedTask;
    }

    private protected override Task LoseAsync()
    {
        cluster.Execute("postgres", $"DROP DATABASE {SqlName.Quote(database)}");
        return Task.CompletedTask;
    }

    private protected override Task<string> StateAsync(string? at = null) => Task.FromResult(string.Join('\n', cluster.Rows(at ?? database, "SELECT * FROM t ORDER BY id")));

    private protected override IReadOnlyList<string> FilesBesideTheLiveOne() => cluster.Rows("postgres", "SELECT datname FROM pg_database ORDER BY 1");
}
