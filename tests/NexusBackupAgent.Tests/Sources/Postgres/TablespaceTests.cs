using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Postgres.Physical;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A cluster whose tables and WAL lie outside of its data directory is backed up as a whole, and its parts go where they are told to.</summary>
public sealed class TablespaceTests : IClassFixture<PostgresCluster>, IDisposable
{
    private const string Sums = "SELECT concat_ws(',', (SELECT sum(hashtext(t::text)) FROM elsewhere t), (SELECT count(*) FROM inside))";

    private readonly PostgresCluster cluster;
    private readonly PhysicalBench bench;
    private readonly string run;

    public TablespaceTests(PostgresCluster cluster)
    {
        PostgresCluster.Require();
        this.cluster = cluster;
        run = Path.GetDirectoryName(cluster.Data)!;
        bench = new PhysicalBench(cluster);
        if (cluster.Rows("postgres", "SELECT count(*) FROM pg_tablespace")[0] == "2")
            MoveOut();
        cluster.Execute("postgres", "DROP TABLE IF EXISTS elsewhere, inside", "CREATE TABLE elsewhere TABLESPACE fast AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 20000) i", "CREATE TABLE inside AS SELECT 1");
    }

    /// <summary>A path may have a blank and letters of any kind.</summary>
    private string Old => Path.Combine(run, "fast 速い");

    public void Dispose() => bench.Dispose();

    [SkippableFact]
    public async Task Each_goes_to_the_place_that_is_named_for_it_and_the_live_one_stays_as_it_is()
    {
        await bench.BackUpAsync(BackupType.Full);
        cluster.Execute("postgres", "UPDATE elsewhere SET note = 'changed' WHERE id = 7");
        var differential = await bench.BackUpAsync(BackupType.Differential);
        Assert.True(differential.Manifest.Stored.Length < differential.Bases[0].Manifest.Stored.Length / 2);
        cluster.Execute("postgres", "INSERT INTO inside SELECT 2");
        await bench.BackUpAsync(BackupType.Incremental);
        var live = cluster.Rows("postgres", Sums);
        var (to, fast) = (bench.NewPlace(), bench.NewPlace());

        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(to));
        Assert.Contains(Old, refused.Message, StringComparison.Ordinal);
        Assert.Contains("--tablespace", refused.Hint, StringComparison.Ordinal);
        var unknown = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(to, new RestoreWish { Choices = new() { Moves = [new PlaceMove("/srv/none", fast)] } }));
        Assert.Contains(Old, unknown.Hint, StringComparison.Ordinal);
        await bench.RestoreAsync(to, new RestoreWish { Choices = new() { Moves = [new PlaceMove(Old, fast)] } });

        Assert.Equal(fast, new DirectoryInfo(Assert.Single(Directory.GetDirectories(Path.Combine(to, "pg_tblspc")))).LinkTarget);
        Assert.Equal(live, Physical.RowsOf(cluster, to, Sums));
        Assert.Equal(live, cluster.Rows("postgres", Sums));
        Assert.Empty(Directory.GetDirectories(run, ".*.restoring"));
    }

    [SkippableFact]
    public async Task A_drill_keeps_them_in_its_own_place_and_leaves_nothing()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        var workspace = bench.Scratch.NewDirectory();
        await using (var prepared = await bench.Source.ForPractice(workspace).PrepareAsync(bench.ChainOf(full), at: null, CancellationToken.None))
        {
            Assert.Null(prepared.Check.Finding);
            Assert.Equal("20000", (await prepared.ProbeAsync("SELECT count(*) FROM elsewhere", CancellationToken.None)).Text);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(workspace));
        Assert.NotEmpty(Directory.EnumerateFileSystemEntries(Old));
        Directory.Delete(workspace);
    }

    [SkippableFact]
    public async Task What_a_killed_restore_left_of_them_goes_with_the_next_one()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        var (to, fast) = (bench.NewPlace(), bench.NewPlace());
        _ = await bench.Source.Target(to, new RestoreChoices { Moves = [new PlaceMove(Old, fast)] }).PrepareAsync(bench.ChainOf(full), at: null, CancellationToken.None); // and is not disposed
        Assert.Equal(2, Directory.GetDirectories(run, ".*.restoring").Length);

        bench.Source.Target(to).Lock().Dispose();

        Assert.Empty(Directory.GetDirectories(run, ".*.restoring"));
    }

    [SkippableFact]
    public async Task WAL_that_makes_one_is_not_recovered_because_it_would_be_made_in_the_live_ones_place()
    {
        await bench.BackUpAsync(BackupType.Full);
        var late = Path.Combine(run, $"late-{Guid.NewGuid():N}");
        await PhysicalBench.RunAsync($"mkdir '{late}'");
        cluster.Execute("postgres", $"CREATE TABLESPACE late LOCATION '{late}'", "CREATE TABLE there TABLESPACE late AS SELECT 1 AS id");
        var wal = await bench.BackUpAsync(BackupType.Incremental);
        var before = await PhysicalBench.RunAsync($"find '{late}' -printf '%p %s %T@\n' | sort");
        var workspace = bench.Scratch.NewDirectory();

        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.Source.ForPractice(workspace).PrepareAsync(bench.ChainOf(wal), at: null, CancellationToken.None));

        Assert.Contains(late, refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await PhysicalBench.RunAsync($"find '{late}' -printf '%p %s %T@\n' | sort"));
        var differential = await bench.BackUpAsync(BackupType.Differential);
        await using (var prepared = await bench.Source.ForPractice(workspace).PrepareAsync(bench.ChainOf(differential), at: null, CancellationToken.None))
            Assert.Equal("1", (await prepared.ProbeAsync("SELECT id FROM there", CancellationToken.None)).Text);
        Directory.Delete(workspace);
        cluster.Execute("postgres", "DROP TABLE there", "DROP TABLESPACE late");
    }

    [SkippableFact]
    public async Task By_hand_they_are_moved_with_standard_tools()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        var live = cluster.Rows("postgres", Sums);
        var (place, fast) = (bench.NewPlace(), bench.NewPlace());
        await PhysicalBench.RunAsync($"mkdir -m 700 -p '{place}/data'");
        await Shell.RunAsync("install", "-m", "644", bench.PathOf(full), Path.Combine(place, "full.tar.gz"));
        Assert.Contains("successfully verified", await PhysicalBench.RunAsync($"cd '{place}'; tar -xzf full.tar.gz -C data; pg_verifybackup data"), StringComparison.Ordinal);
        var oid = Path.GetFileName(Directory.GetDirectories(Path.Combine(place, "data", "pg_tblspc")).Single());

        await bench.DoAsTheDocumentationSaysAsync("tablespace_map", place, ("16400", oid), ("/srv/restored_fast", fast));

        Assert.Equal(live, Physical.RowsOf(cluster, Path.Combine(place, "data"), Sums));
        Assert.Equal(live, cluster.Rows("postgres", Sums));
    }

    [SkippableFact]
    public void A_map_is_read_as_recovery_reads_it()
    {
        Tablespace[] tablespaces = [new("16400", "/srv/a b"), new("16401", "/srv/with\\back and\nline")];

        Assert.Equal(tablespaces, TablespaceMap.Parse(TablespaceMap.Write(tablespaces)));
        Assert.Throws<InvalidDataException>(() => TablespaceMap.Parse("../x /srv\n"u8.ToArray()));
        Assert.Throws<InvalidDataException>(() => TablespaceMap.Parse("16400 relative\n"u8.ToArray()));
    }

    private void MoveOut()
    {
        PhysicalBench.RunAsync($"mkdir '{Old}'").GetAwaiter().GetResult();
        cluster.Stop();
        PhysicalBench.RunAsync($"mv '{cluster.Data}/pg_wal' '{run}/wal'; ln -s '{run}/wal' '{cluster.Data}/pg_wal'").GetAwaiter().GetResult();
        cluster.Start();
        cluster.Execute("postgres", $"CREATE TABLESPACE fast LOCATION '{Old}'");
    }
}
