using System.Globalization;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>What people fear of a cluster's backup: each ends in one line that says what and why, and what was backed up before stays good.</summary>
public sealed class FailingClusterTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Senders = "SELECT count(*) FROM pg_stat_replication";

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_network_that_is_cut_or_hangs_in_the_middle_leaves_no_half_backup(bool isCut)
    {
        using var bench = await BenchAsync();
        using (var proxy = new CuttingProxy(cluster.Port, after: 8 << 20, reached =>
        {
            if (isCut)
                reached.Cut();
            else
                reached.Hang();
        }))
        {
            bench.Configure(cluster.TcpUri(bench.Database, port: proxy.Port), $"{bench.Physical}\n    {bench.PasswordKeys()}\n    timeLimit: {(isCut ? "1h" : "8s")}");
            Assert.Contains(isCut ? "the base backup of 'postgresql://postgres@127.0.0.1" : "exceeded its time limit of", await bench.RefusedAsync(3), StringComparison.Ordinal);
            Assert.True(proxy.WasReached);
        }

        await Eventually.TrueAsync(() => cluster.Rows("postgres", Senders)[0] == "0", "nothing that was started for it goes on");
        await bench.AllAreGoodAsync(count: 1, bench.Physical, "*.tar.gz");
    }

    [SkippableFact]
    public async Task A_server_that_writes_much_meanwhile_keeps_the_WAL_that_is_fetched_last()
    {
        using var bench = new DatabaseBench(cluster);
        using var proxy = new CuttingProxy(cluster.Port, after: 8 << 20, _ =>
        {
            for (var segment = 0; segment < 4; segment++)
                cluster.Execute("postgres", "SELECT txid_current()", "SELECT pg_switch_wal()", "CHECKPOINT");
        });
        bench.Configure(cluster.TcpUri(bench.Database, port: proxy.Port), $"{bench.Physical}\n    {bench.PasswordKeys()}");
        await bench.DoAsync("backup");
        Assert.True(proxy.WasReached);
        await Eventually.TrueAsync(() => cluster.Rows("postgres", "SELECT slot_name FROM pg_replication_slots WHERE temporary").Count == 0, "nothing keeps WAL any more");
        await bench.AllAreGoodAsync(count: 1, bench.Physical, "*.tar.gz");
    }

    [SkippableFact]
    public async Task An_idle_server_is_not_waited_for_until_it_writes_again()
    {
        using var bench = await BenchAsync();
        bench.Configure(keys: bench.Physical + "\n    timeLimit: 30s");
        var writers = cluster.Rows("postgres", "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('background writer', 'autovacuum launcher')");
        await Shell.RunAsync("kill", ["-STOP", .. writers]);
        try
        {
            await bench.DoAsync("backup", "--type", "incremental");
        }
        finally
        {
            await Shell.RunAsync("kill", ["-CONT", .. writers]);
        }
    }

    [SkippableFact]
    public async Task A_role_is_told_which_right_it_lacks()
    {
        using var bench = await BenchAsync();
        var role = "keeper_" + bench.Database;
        bench.Execute($"CREATE ROLE {role} LOGIN");
        bench.Configure(cluster.Uri(bench.Database, role), bench.Physical);
        (string Lack, string Grant)[] rights =
        [
            ("replicat", $"ALTER ROLE {role} REPLICATION"),
            ("close a WAL segment", $"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {role}"),
            ("see which WAL", $"GRANT pg_monitor TO {role}"),
        ];
        foreach (var (lack, grant) in rights)
        {
            var said = await bench.RefusedAsync(3);
            Assert.Contains(lack, said, StringComparison.OrdinalIgnoreCase);
            Assert.Contains(grant[..grant.LastIndexOf(' ')].Replace($" {role}", "", StringComparison.Ordinal).Split(" TO")[0], (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
            cluster.Execute(bench.Database, grant);
        }

        await bench.DoAsync("backup");
        await bench.DoAsync("backup", "--type", "incremental");
        await bench.AllAreGoodAsync(count: 3, bench.Physical, "*.tar.gz");
    }

    [SkippableFact]
    public async Task A_wrong_password_is_told_and_the_right_one_is_seen_by_nobody()
    {
        using var bench = await BenchAsync();
        bench.Configure(cluster.TcpUri(bench.Database), $"{bench.Physical}\n    {bench.PasswordKeys("wrong")}");
        Assert.Contains("refuses the password of the agent's role", await bench.RefusedAsync(3), StringComparison.Ordinal);

        var seen = bench.Place.In("seen");
        var look = $"for process in $$ $PPID; do tr '\\0' '\\n' </proc/$process/environ; tr '\\0' ' ' </proc/$process/cmdline; done >>'{seen}'; echo \"$0\" >>'{seen}'; exec \"$REAL\" \"$@\"";
        var tools = LogicalSources.ToolsIn(bench.Place.In("tools"), ("pg_basebackup", look), ("pg_receivewal", look));
        bench.Configure(cluster.TcpUri(bench.Database), $"{bench.Physical}\n    {bench.PasswordKeys()}\n    binDirectory: {tools}");
        var said = await bench.DoAsync("backup", "--verbose");
        var more = await bench.DoAsync("backup", "--verbose", "--type", "incremental");
        var told = await File.ReadAllTextAsync(seen);
        Assert.Contains("/pg_basebackup", told, StringComparison.Ordinal);
        Assert.Contains("/pg_receivewal", told, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", told + said.Output + said.Error + more.Output + more.Error, StringComparison.Ordinal);
        await bench.AllAreGoodAsync(count: 3, bench.Physical, "*.tar.gz");
    }

    [SkippableFact]
    public async Task Tools_of_another_version_are_named_with_the_package()
    {
        using var bench = await BenchAsync();
        var old = LogicalSources.ToolsIn(bench.Place.In("old"), ("pg_basebackup", "VERSION=1; echo 'pg_basebackup (PostgreSQL) 14.9'; exit 0"));
        bench.Configure(keys: $"{bench.Physical}\n    binDirectory: {old}");
        Assert.Contains($"PostgreSQL {PostgresCluster.Major} needs pg_basebackup of version {PostgresCluster.Major}, and there is 14.9", await bench.RefusedAsync(2), StringComparison.Ordinal);
        Assert.Contains($"apt-get install postgresql-client-{PostgresCluster.Major}", (await bench.Place.RunAsync("backup")).Error, StringComparison.Ordinal);
        await bench.AllAreGoodAsync(count: 1, bench.Physical, "*.tar.gz");
    }

    [SkippableFact]
    public async Task WAL_that_is_gone_on_the_server_or_from_the_store_or_damaged_there_is_told_and_the_window_says_what_is_left()
    {
        using var bench = await BenchAsync();
        bench.Place.Clock.Set(bench.Place.Clock.GetUtcNow().AddHours(6));
        await bench.DoAsync("backup", "--type", "incremental");

        // Somebody drops the slot, and the server recycles what it kept.
        await cluster.DropSlotsAsync($"slot_name = '{bench.Database}'");
        for (var segment = 0; segment < 4; segment++)
            cluster.Execute("postgres", "SELECT txid_current()", "SELECT pg_switch_wal()", "CHECKPOINT");
        bench.Place.Clock.Set(bench.Place.Clock.GetUtcNow().AddHours(6));
        var said = await bench.DoAsync("backup", "--type", "incremental");
        Assert.Matches("full instead of incremental.*gap.*was dropped", (said.Output + said.Error).ReplaceLineEndings(" "));
        var anew = (await bench.DoAsync("list", "--json")).Json[0].GetProperty("id").GetString()!;
        Assert.Equal(2, (await WindowsAsync(bench)).Count);

        var ends = new List<string>();
        for (var increment = 0; increment < 2; increment++)
        {
            bench.Place.Clock.Set(bench.Place.Clock.GetUtcNow().AddHours(6));
            await bench.DoAsync("backup", "--type", "incremental");
            ends.Add((await WindowsAsync(bench))[0]);
        }

        // A damaged one is set aside, and the full backup that takes its place goes on where the one before it ends.
        var (damaged, lost) = (Artifact(0), Artifact(1));
        Damage.FlipBit(damaged);
        Assert.Contains(Path.GetFileName(damaged), await bench.RefusedAsync(4, "verify", "--all"), StringComparison.Ordinal);
        Assert.Equal(1, await bench.MetricAsync("backups", "state=\"quarantined\""));
        var windows = await WindowsAsync(bench);
        Assert.Equal(2, windows.Count);
        Assert.True(string.CompareOrdinal(windows[0], ends[1]) > 0, $"{windows[0]} and {ends[1]}");

        // What somebody deletes is the end of one window, and what is behind it another one.
        File.Delete(lost);
        Assert.Equal(3, (await WindowsAsync(bench)).Count);
        var place = Path.Combine(Path.GetDirectoryName(cluster.Data)!, bench.Database);
        var late = await bench.Place.RunAsync("restore", "shop", "--at", ends[0], "--to", place);
        Assert.Equal(6, late.Code);
        Assert.Contains("any instant from", Assert.Single(late.Errors), StringComparison.Ordinal);
        await bench.DoAsync("restore", "shop", "--to", place + "_newest");
        await bench.DoAsync("restore", "shop", "--id", anew, "--to", place);

        string Artifact(int fromEnd) => Directory.GetFiles(bench.Store, "*.tar.gz").Order(StringComparer.Ordinal).Reverse().ElementAt(fromEnd);
    }

    [SkippableFact]
    public async Task A_store_that_fills_up_ends_the_base_backup_and_keeps_nothing_of_it()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        using var bench = await BenchAsync();
        bench.Configure(keys: bench.Physical, store: small.Path);
        Assert.Contains("no space left", await bench.RefusedAsync(8), StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles(small.Path, "*", SearchOption.AllDirectories), file => new FileInfo(file).Length > 4096);
        await Eventually.TrueAsync(() => cluster.Rows("postgres", Senders)[0] == "0", "nothing that was started for it goes on");
        await bench.AllAreGoodAsync(count: 1, bench.Physical, "*.tar.gz");
    }

    /// <summary>Where the recoverable windows end, the newest first; the metric says the same of that one.</summary>
    private static async Task<IReadOnlyList<string>> WindowsAsync(DatabaseBench bench)
    {
        var windows = (await bench.DoAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("recoveryWindows").EnumerateArray().Select(window => window.GetProperty("last").GetString()!).ToList();
        Assert.Equal(DateTimeOffset.Parse(windows[0], CultureInfo.InvariantCulture).ToUnixTimeSeconds(), Math.Floor(await bench.MetricAsync("recovery_window_end_timestamp_seconds")));
        return windows;
    }

    private async Task<DatabaseBench> BenchAsync()
    {
        var bench = new DatabaseBench(cluster);
        bench.Configure(keys: bench.Physical);
        await bench.DoAsync("backup");
        return bench;
    }
}
