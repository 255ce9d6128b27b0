using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A differential backup of a cluster holds the blocks that changed since the full one, and gives with it what PostgreSQL itself calls whole.</summary>
public sealed class DifferentialTests : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly PostgresCluster cluster;
    private readonly PhysicalBench bench;

    public DifferentialTests(PostgresCluster cluster)
    {
        PostgresCluster.Require();
        this.cluster = cluster;
        bench = new PhysicalBench(cluster);
        cluster.Execute("postgres", "DROP TABLE IF EXISTS t, state, grows, shrinks, goes, comes", "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 60000) i", "CREATE TABLE state AS SELECT 1 AS id", "VACUUM t"); // or the first that reads its rows marks each page of it
    }

    public void Dispose() => bench.Dispose();

    [SkippableFact]
    public async Task By_hand_with_standard_tools_it_becomes_a_cluster_that_pg_verifybackup_calls_whole()
    {
        cluster.Execute(
            "postgres",
            "CREATE TABLE grows AS SELECT i FROM generate_series(1, 3000) i",
            "CREATE TABLE shrinks AS SELECT i FROM generate_series(1, 30000) i",
            "CREATE TABLE goes AS SELECT 1",
            "DROP DATABASE IF EXISTS \"went 行\"",
            "CREATE DATABASE \"went 行\"",
            "CHECKPOINT");
        var full = await bench.BackUpAsync(BackupType.Full);
        cluster.Execute(
            "postgres",
            "UPDATE t SET note = 'changed' WHERE id % 20000 = 7",
            "INSERT INTO grows SELECT i FROM generate_series(1, 9000) i",
            "DELETE FROM shrinks WHERE i > 1000",
            "VACUUM shrinks",
            "DROP TABLE goes",
            "CREATE TABLE comes AS SELECT i FROM generate_series(1, 2000) i",
            "DROP DATABASE \"went 行\"",
            "DROP DATABASE IF EXISTS \"came 行\"",
            "CREATE DATABASE \"came 行\"");
        var differential = await bench.BackUpAsync(BackupType.Differential);
        const string Sums = "SELECT concat_ws(',', (SELECT sum(hashtext(t::text)) FROM t), (SELECT count(*) FROM grows), (SELECT count(*) FROM shrinks), (SELECT count(*) FROM comes), (SELECT datname FROM pg_database WHERE datname LIKE '%行'), to_regclass('goes'))";
        var live = cluster.Rows("postgres", Sums);
        var place = bench.NewPlace();
        await PhysicalBench.RunAsync($"mkdir '{place}'");
        await Shell.RunAsync("install", "-m", "644", bench.PathOf(full), Path.Combine(place, "the full.tar.gz"));
        await Shell.RunAsync("install", "-m", "644", bench.PathOf(differential), Path.Combine(place, "the differential.tar.gz"));

        var said = await bench.DoAsTheDocumentationSaysAsync(
            "changes/lengths", place, ("full_backup_20260215_000000.tar.gz", "'the full.tar.gz'"), ("differential_backup_20260216_000000.diff.tar.gz", "'the differential.tar.gz'"));

        Assert.Contains("successfully verified", said, StringComparison.Ordinal);
        Assert.Equal(live, Physical.RowsOf(cluster, Path.Combine(place, "data"), Sums));
        Assert.True(differential.Manifest.Stored.Length < full.Manifest.Stored.Length / 2, $"{differential.Manifest.Stored.Length} of {full.Manifest.Stored.Length}");

        await Shell.RunAsync("rm", "-rf", Path.Combine(place, "data"), Path.Combine(place, "changes"), Path.Combine(place, "wal"));
        var byApi = bench.Source.CommandsByHand([full.File, differential.File]).SkipLast(3).Select(command => command.Replace(full.File, "'the full.tar.gz'", StringComparison.Ordinal).Replace(differential.File, "'the differential.tar.gz'", StringComparison.Ordinal));
        await PhysicalBench.RunAsync($"cd '{place}'; {string.Join("; ", byApi)}; pg_verifybackup data");
    }

    [SkippableFact]
    public async Task What_follows_builds_on_it_and_no_stretch_of_time_is_lost_in_zstd_encrypted_either()
    {
        Need.Tool("zstd");
        Need.Tool("age");
        bench.Method = ArtifactEncoding.Zstd;
        var key = await bench.EncryptAsync();
        var full = await bench.BackUpAsync(BackupType.Full);
        var stages = new List<Backup> { full };
        foreach (var type in (BackupType[])[BackupType.Incremental, BackupType.Differential, BackupType.Incremental, BackupType.Differential])
        {
            cluster.Execute("postgres", "UPDATE state SET id = id + 1");
            stages.Add(await bench.BackUpAsync(type));
        }

        Assert.Equal(new RecoveryWindow(full.RestorableFrom, stages[^1].CapturedAt), Assert.Single(RecoveryWindow.Of(await bench.Catalog.ListAsync(CancellationToken.None))));
        Assert.Equal((full.Id, stages[2].Id, full.Id), (stages[2].Manifest.Base, stages[3].Manifest.Base, stages[4].Manifest.Base));
        var to = bench.NewPlace();
        await bench.RestoreAsync(to, new RestoreWish(Id: stages[3].Id.Value));
        Assert.Equal("4", Physical.RowsOf(cluster, to, "SELECT id FROM state")[0]);

        // By hand, as it is printed, up to the start of the server, which needs a port of its own here.
        string[] chain = [.. stages[3].Chain.Reverse().Select(link => link.File)];
        Assert.All(chain, file => Assert.EndsWith(".tar.zst.age", file, StringComparison.Ordinal));
        var place = bench.NewPlace();
        await PhysicalBench.RunAsync($"mkdir '{place}'");
        foreach (var file in chain)
            await Shell.RunAsync("install", "-m", "644", Path.Combine(bench.Store, file), Path.Combine(place, file));
        await Shell.RunAsync("install", "-m", "644", key, Path.Combine(place, "key.txt"));
        await PhysicalBench.RunAsync($"cd '{place}'; {string.Join("; ", bench.Source.CommandsByHand(chain).SkipLast(1))}");
        Assert.Equal("4", Physical.RowsOf(cluster, Path.Combine(place, "data"), "SELECT id FROM state")[0]);
    }

    [SkippableFact]
    public async Task A_full_backup_without_an_index_is_read_instead()
    {
        var full = await bench.BackUpAsync(BackupType.Full, mayBeBase: false);
        Assert.Empty(full.Manifest.Parts);
        cluster.Execute("postgres", "UPDATE state SET id = 7");

        var differential = await bench.BackUpAsync(BackupType.Differential);

        Assert.True(differential.Manifest.Stored.Length < full.Manifest.Stored.Length / 2);
        Assert.Empty(Directory.EnumerateFiles(bench.Scratch.Path, "*.scratch", SearchOption.AllDirectories));
    }

    [SkippableFact]
    public async Task Where_its_WAL_ends_is_read_from_itself_when_the_note_of_it_is_lost()
    {
        await bench.BackUpAsync(BackupType.Full);
        var differential = await bench.BackUpAsync(BackupType.Differential);
        var note = bench.PathOf(differential) + ".wal-end";
        var was = await File.ReadAllTextAsync(note);
        File.Delete(note);

        var next = await bench.BackUpAsync(BackupType.Incremental);

        Assert.Equal(differential.Id, next.Manifest.Continues);
        Assert.Equal(was, await File.ReadAllTextAsync(note));
    }

    [SkippableFact]
    public async Task A_damaged_index_makes_the_next_one_full_and_says_why()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        Damage.FlipBit(bench.PathOf(full) + ".blocks");

        var refused = await Assert.ThrowsAsync<NoIncrementException>(() => bench.StoreAsync(BackupType.Differential));

        Assert.Contains(full.File, refused.Message, StringComparison.Ordinal);
        Assert.Equal(full.File, refused.Damaged!.Name);
        Assert.False((await bench.VerifyAsync(full)).Verification!.Passed);
    }

    [SkippableFact]
    public async Task What_is_damaged_swapped_or_of_another_full_backup_is_found_and_nothing_is_restored()
    {
        var first = await bench.BackUpAsync(BackupType.Full);
        cluster.Execute("postgres", "UPDATE state SET id = 2");
        var one = await bench.BackUpAsync(BackupType.Differential);
        cluster.Execute("postgres", "UPDATE t SET note = 'other'", "CHECKPOINT");
        var two = await bench.BackUpAsync(BackupType.Differential);
        var second = await bench.BackUpAsync(BackupType.Full);

        // the files are what was stored, and do not belong together
        var strangers = new StoredChain([bench.ChainOf(second, isJudged: false).Tip, bench.ChainOf(one).Tip], ExpandedLength: null);
        var check = await bench.Source.CheckAsync(strangers, bench.Scratch, CancellationToken.None);
        Assert.NotNull(check.Finding);
        Assert.NotEqual(one.Manifest.Restored, check.Restored);

        var good = await File.ReadAllBytesAsync(bench.PathOf(one));
        File.Copy(bench.PathOf(two), bench.PathOf(one), overwrite: true);
        Assert.Contains("SHA-256", (await bench.VerifyAsync(one)).Verification!.FirstFailure, StringComparison.Ordinal);
        var to = bench.NewPlace();
        await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(to, new RestoreWish(Id: one.Id.Value)));
        Assert.False(Directory.Exists(to));

        await File.WriteAllBytesAsync(bench.PathOf(one), good);
        Assert.True((await bench.VerifyAsync(one)).Verification!.Passed);
        Damage.FlipBit(bench.PathOf(one));
        Assert.False((await bench.VerifyAsync(one)).Verification!.Passed);

        Damage.FlipBit(bench.PathOf(first));
        var damaged = await Assert.ThrowsAsync<DamagedLinkException>(() => bench.Source.CheckAsync(bench.ChainOf(two), bench.Scratch, CancellationToken.None));
        Assert.Equal(first.File, damaged.Link.Name);
        Assert.Empty(Directory.EnumerateFiles(bench.Scratch.Path, "*.scratch", SearchOption.AllDirectories));
    }

    [SkippableFact]
    public async Task One_whose_full_backup_is_gone_is_not_restored()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        var differential = await bench.BackUpAsync(BackupType.Differential);
        var moved = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(bench.NewPlace(), new RestoreWish { Choices = new() { Moves = [new PlaceMove("/srv/fast", "/srv/other")] } }));
        Assert.Contains("no tablespace", moved.Message, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(bench.Store, full.File + "*"))
            File.Delete(file);

        var left = Assert.Single(await bench.Catalog.ListAsync(CancellationToken.None));
        Assert.True(left.HasBrokenChain);
        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(bench.NewPlace(), new RestoreWish(Id: differential.Id.Value)));
        Assert.Contains(differential.File, refused.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task What_is_cut_off_in_the_middle_leaves_nothing_and_what_a_kill_leaves_is_no_backup()
    {
        await bench.BackUpAsync(BackupType.Full);
        var before = Directory.GetFiles(bench.Store).Order(StringComparer.Ordinal);
        using var stop = new CancellationTokenSource();
        var cut = bench.StoreAsync(BackupType.Differential, cancellationToken: stop.Token);
        while (!cut.IsCompleted && Directory.GetFiles(bench.Store, "*.diff.tar.gz*").Length == 0)
            await Task.Yield();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cut);
        Assert.Equal(before, Directory.GetFiles(bench.Store).Order(StringComparer.Ordinal));

        var whole = await bench.StoreAsync(BackupType.Differential);
        File.Delete(bench.PathOf(whole) + ".manifest.json"); // killed just before it is committed
        Assert.Equal(BackupType.Full, Assert.Single(await bench.Catalog.ListAsync(CancellationToken.None)).Manifest.Type);
    }
}
