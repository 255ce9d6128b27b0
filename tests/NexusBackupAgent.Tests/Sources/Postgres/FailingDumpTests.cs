using NexusBackupAgent.Sources.Postgres.Logical;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>What people fear of a database's backup: each ends in one line that says what and why, and what was backed up before stays good.</summary>
public sealed class FailingDumpTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Rows = "CREATE TABLE orders AS SELECT i AS id, md5(i::text) || md5((i + 1)::text) AS ref FROM generate_series(1, 150000) i";

    [SkippableFact]
    public async Task A_server_that_dies_in_the_middle_is_named_and_leaves_no_half_backup()
    {
        using var bench = await BenchAsync();
        using (var proxy = new CuttingProxy(cluster.Port, after: 4 << 20, _ => cluster.Stop("immediate")))
        {
            bench.Configure(cluster.TcpUri(bench.Database, port: proxy.Port), bench.PasswordKeys());
            var said = await bench.RefusedAsync(3);
            Assert.True(proxy.WasReached);
            Assert.Contains($"/{bench.Database}' ", said, StringComparison.Ordinal);
            Assert.Matches("can't be reached|broke off", said);
        }

        cluster.Start();
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task A_network_that_is_cut_in_the_middle_is_told()
    {
        using var bench = await BenchAsync();
        using var proxy = new CuttingProxy(cluster.Port, after: 4 << 20, cut => cut.Cut());
        bench.Configure(cluster.TcpUri(bench.Database, port: proxy.Port), bench.PasswordKeys());
        Assert.Contains("can't be reached", await bench.RefusedAsync(3), StringComparison.Ordinal);
        Assert.True(proxy.WasReached);
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task A_network_that_hangs_in_the_middle_ends_with_the_time_limit()
    {
        using var bench = await BenchAsync();
        using var proxy = new CuttingProxy(cluster.Port, after: 1 << 20, hung => hung.Hang());
        bench.Configure(cluster.TcpUri(bench.Database, port: proxy.Port), bench.PasswordKeys() + "\n    timeLimit: 8s");
        Assert.Contains("exceeded its time limit of", await bench.RefusedAsync(3), StringComparison.Ordinal);
        Assert.True(proxy.WasReached);
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task Tools_that_are_missing_or_too_old_are_named_with_the_package()
    {
        using var bench = await BenchAsync();
        var none = Directory.CreateDirectory(bench.Place.In("none")).FullName;
        bench.Configure(keys: $"binDirectory: {none}");
        var said = await bench.RefusedAsync(2);
        Assert.Contains($"pg_dump is not installed, and version {PostgresCluster.Major} or newer is needed", said, StringComparison.Ordinal);
        Assert.Contains($"apt-get install postgresql-client-{PostgresCluster.Major}", (await bench.Place.RunAsync("backup")).Error, StringComparison.Ordinal);

        var old = LogicalSources.ToolsIn(bench.Place.In("old"), ("pg_dump", "VERSION=1; echo 'pg_dump (PostgreSQL) 9.6.24'; exit 0"));
        bench.Configure(keys: $"binDirectory: {old}");
        Assert.Contains($"needs pg_dump of version {PostgresCluster.Major} or newer, and there is 9.6.24 ('{old}/pg_dump')", await bench.RefusedAsync(2), StringComparison.Ordinal);
        Assert.Contains("9.6.24", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task A_wrong_password_is_told_and_the_right_one_is_seen_by_nobody()
    {
        using var bench = await BenchAsync();
        bench.Configure(cluster.TcpUri(bench.Database), bench.PasswordKeys("wrong"));
        Assert.Contains("refuses the password of the agent's role", await bench.RefusedAsync(3), StringComparison.Ordinal);

        var seen = bench.Place.In("seen");
        var tools = LogicalSources.ToolsIn(bench.Place.In("tools"), ("pg_dump", $"{{ tr '\\0' '\\n' </proc/$$/environ; tr '\\0' ' ' </proc/$$/cmdline; stat -c 'mode %a' \"$PGPASSFILE\"; }} >'{seen}'; exec \"$REAL\" \"$@\""));
        bench.Configure(cluster.TcpUri(bench.Database), bench.PasswordKeys() + $"\n    binDirectory: {tools}");
        await bench.DoAsync("backup");
        var told = await File.ReadAllTextAsync(seen);
        Assert.DoesNotContain("s3cret", told, StringComparison.Ordinal);
        Assert.Contains("mode 600", told, StringComparison.Ordinal);
        var passFile = told.Split('\n').Single(line => line.StartsWith("PGPASSFILE=", StringComparison.Ordinal))["PGPASSFILE=".Length..];
        Assert.False(File.Exists(passFile));
        await bench.AllAreGoodAsync(count: 2);
    }

    [SkippableFact]
    public async Task A_database_that_was_dropped_is_missing_and_its_backup_brings_it_back()
    {
        using var bench = await BenchAsync();
        cluster.Execute("postgres", $"DROP DATABASE {bench.Database}");
        Assert.Contains("does not exist", await bench.RefusedAsync(3), StringComparison.Ordinal);
        await bench.DoAsync("restore", "shop");
        Assert.Equal(["150000"], bench.Rows("SELECT count(*) FROM orders"));
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task What_a_role_may_not_read_and_rows_that_a_policy_hides_are_named_before_anything_is_dumped()
    {
        using var bench = await BenchAsync();
        var role = "backup_" + bench.Database;
        bench.Execute($"CREATE ROLE {role} LOGIN", "CREATE TABLE secret AS SELECT 1 AS x", $"GRANT SELECT ON orders TO {role}");
        bench.Configure(cluster.Uri(bench.Database, role));
        Assert.Contains("the agent's role may not read \"public\".\"secret\" of", await bench.RefusedAsync(3), StringComparison.Ordinal);

        Assert.Contains("the agent's role may not read \"public\".\"secret\" of", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);

        bench.Execute($"GRANT pg_read_all_data TO {role}", "ALTER TABLE secret ENABLE ROW LEVEL SECURITY", "CREATE POLICY none ON secret USING (false)");
        Assert.Contains("row security hides rows of \"public\".\"secret\"", await bench.RefusedAsync(3), StringComparison.Ordinal);

        bench.Execute($"ALTER ROLE {role} BYPASSRLS");
        var before = Directory.GetFiles(bench.Store, "*.globals.sql");
        await bench.DoAsync("backup");
        Assert.DoesNotContain("SCRAM-SHA-256", await File.ReadAllTextAsync(Directory.GetFiles(bench.Store, "*.globals.sql").Except(before).Single()), StringComparison.Ordinal);
        Assert.Contains("may not make databases", await bench.RefusedAsync(5, "restore", "shop", "--to", bench.Database + "_x"), StringComparison.Ordinal);
        bench.Execute($"ALTER ROLE {role} CREATEDB");
        await bench.DoAsync("drill");
        await bench.AllAreGoodAsync(count: 2);
    }

    [SkippableFact]
    public async Task A_store_that_fills_up_ends_the_dump_and_keeps_nothing_of_it()
    {
        await using var small = await SmallFileSystem.MountAsync("size=3m");
        using var bench = await BenchAsync();
        bench.Configure(store: small.Path);
        Assert.Contains("no space left", await bench.RefusedAsync(8), StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles(small.Path, "*", SearchOption.AllDirectories), file => new FileInfo(file).Length > 4096);
        // The server ends a session a moment after its client is gone.
        await Eventually.TrueAsync(() => cluster.Rows("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nexus-backup'") is ["0"], "the dump's session has ended");
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task A_restore_that_fails_leaves_the_old_database_and_nothing_else()
    {
        using var bench = await BenchAsync();
        bench.Execute("INSERT INTO orders VALUES (0, 'new')");
        var tools = LogicalSources.ToolsIn(bench.Place.In("tools"), ("pg_restore", "echo 'pg_restore: error: it broke' >&2; exit 1"));
        bench.Configure(keys: $"binDirectory: {tools}");
        var said = await bench.RefusedAsync(5, "restore", "shop", "--force");
        Assert.Contains("pg_restore ended with 1: pg_restore: error: it broke; the old database is untouched", said, StringComparison.Ordinal);
        Assert.Equal(["150001"], bench.Rows("SELECT count(*) FROM orders"));
        Assert.Empty(bench.Leftovers());
        await bench.AllAreGoodAsync(count: 1);
    }

    [SkippableFact]
    public async Task Names_that_can_not_be_exchanged_stay_as_they_are()
    {
        using var bench = await BenchAsync();
        cluster.Configure("max_prepared_transactions = 4");
        cluster.Stop();
        cluster.Start();
        bench.Execute("BEGIN", "INSERT INTO orders VALUES (0, 'new')", "PREPARE TRANSACTION 'open'"); // no session that could be ended, and it holds the database
        try
        {
            Assert.Contains("prepared transaction", (await bench.Place.RunAsync("restore", "shop", "--force")).Error, StringComparison.Ordinal);
            Assert.Empty(bench.Leftovers().Concat(bench.SafetyCopies()));
        }
        finally
        {
            bench.Execute("COMMIT PREPARED 'open'");
        }

        Assert.Equal(["150001"], bench.Rows("SELECT count(*) FROM orders"));
        await bench.DoAsync("restore", "shop", "--force");
        Assert.Equal(["150000"], bench.Rows("SELECT count(*) FROM orders"));
    }

    [SkippableFact]
    public async Task What_a_killed_drill_left_goes_and_what_another_one_works_in_stays()
    {
        using var bench = await BenchAsync();
        var (left, used) = (RestoreNames.NewPractice(), RestoreNames.NewPractice());
        cluster.Execute("postgres", $"CREATE DATABASE {left}", $"CREATE DATABASE {used}");
        using (var other = cluster.Open())
        {
            new Npgsql.NpgsqlCommand($"SELECT pg_advisory_lock({RestoreNames.LockOfPractice(used)})", other).ExecuteScalar();
            await bench.DoAsync("drill");
            Assert.Equal([used], bench.Leftovers());
        }

        // The server ends a session, and gives its locks back, a moment after its client is gone.
        await Eventually.TrueAsync(() => cluster.Rows("postgres", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") is ["0"], "the other session has ended");
        await bench.DoAsync("drill");
        Assert.Empty(bench.Leftovers());
    }

    private async Task<DatabaseBench> BenchAsync()
    {
        var bench = new DatabaseBench(cluster);
        bench.Execute(Rows);
        await bench.DoAsync("backup");
        return bench;
    }
}
