using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A cluster that is written all the time is restored to instants between its backups, to the transaction.</summary>
public sealed class PointInTimeTests : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly PostgresCluster cluster;
    private readonly PhysicalBench bench;

    public PointInTimeTests(PostgresCluster cluster)
    {
        this.cluster = cluster;
        bench = new PhysicalBench(cluster, isLive: true);
    }

    public void Dispose() => bench.Dispose();

    [SkippableFact]
    public async Task At_any_instant_the_restored_state_is_what_was_committed_by_then_no_more_and_no_less()
    {
        cluster.Execute("postgres", "DROP TABLE IF EXISTS marks", "CREATE TABLE marks (id serial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), pad text DEFAULT repeat('x', 500))");
        cluster.RunAsUser("pgbench", "-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres", "-i", "-s", "1", "-q", "postgres");
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(() => cluster.RunAsUser("pgbench", "-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres", "-c", "2", "-R", "50", "-T", "20", "postgres"));
        var marking = Task.Run(() => Mark(stop.Token));

        // also between the last of one chain and the next full or differential one, and from a differential one on
        var first = await bench.BackUpAsync(BackupType.Full);
        foreach (var type in (BackupType[])[BackupType.Incremental, BackupType.Differential, BackupType.Incremental, BackupType.Full, BackupType.Incremental, BackupType.Differential])
            await bench.BackUpAsync(type);
        var last = await bench.BackUpAsync(BackupType.Incremental);
        await stop.CancelAsync();
        var committed = await marking;
        await writing;

        var backups = await bench.Catalog.ListAsync(CancellationToken.None);
        Assert.Equal(new RecoveryWindow(first.RestorableFrom, last.CapturedAt), Assert.Single(RecoveryWindow.Of(backups)));
        var inside = committed.Where(mark => mark.Before > first.RestorableFrom && mark.At < last.CapturedAt.AddSeconds(-1)).ToList(); // the two clocks differ by a little
        Assert.True(inside.Count > 8, $"{inside.Count} marks");
        var between = backups.Single(backup => backup.Manifest is { Type: BackupType.Full } && backup.Id != first.Id);
        var points = (int[])[inside.Count / 5, inside.FindLastIndex(mark => mark.At < between.CapturedAt), inside.FindIndex(mark => mark.At > between.CapturedAt), inside.Count - 2]; // the instants between a mark and the next
        var seed = Environment.TickCount;
        var random = new Random(seed);
        if (TestScope.IsWhole)
            points = [.. points.Union(Enumerable.Range(0, 20).Select(_ => random.Next(inside.Count - 1)))];
        foreach (var point in points)
        {
            var mark = inside[point];
            var at = mark.At.AddTicks((committed[committed.IndexOf(mark) + 1].Before - mark.At).Ticks / 2);
            var to = bench.NewPlace();

            var outcome = await bench.RestoreAsync(at, to);

            Assert.Equal($"{mark.Id} {mark.Id} of {seed}", $"{Physical.RowsOf(cluster, to, "SELECT max(id) || ' ' || count(*) FROM marks")[0]} of {seed}");
            Assert.Equal(to, outcome.Place.Location);
            Directory.Delete(to, recursive: true);
        }

        // While the first one was written nothing leads to an instant, and the window does not claim that.
        Assert.True(first.RestorableFrom > first.CapturedAt);
        foreach (var at in (DateTimeOffset[])[first.RestorableFrom.AddTicks(-1), first.CapturedAt.AddDays(-1)])
        {
            var early = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(at, bench.NewPlace()));
            Assert.Equal(FailureKind.NotFound, early.Kind);
            Assert.Contains($"any instant from {RecoveryWindow.Shown(first.RestorableFrom, TimeZoneInfo.Utc)} to ", early.Message, StringComparison.Ordinal);
        }

        var late = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(last.CapturedAt.AddMinutes(1), bench.NewPlace()));
        Assert.Equal(FailureKind.NotFound, late.Kind);
        Assert.Contains(last.CapturedAt.ToString("HH:mm:ss", CultureInfo.InvariantCulture), late.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_gap_in_the_WAL_is_told_and_makes_the_next_backup_a_full_one()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        await cluster.DropSlotsAsync();
        for (var i = 0; i < 3; i++)
            cluster.Execute("postgres", "SELECT txid_current()", "SELECT pg_switch_wal()", "CHECKPOINT");

        var gap = await Assert.ThrowsAsync<NoIncrementException>(() => bench.BackUpAsync(BackupType.Incremental));

        Assert.Contains("gap", gap.Message, StringComparison.Ordinal);
        Assert.Contains("was dropped", gap.Message, StringComparison.Ordinal);
        var next = await bench.BackUpAsync(BackupType.Full);
        Assert.Null(next.Manifest.Continues);
        Assert.Equal(2, RecoveryWindow.Of(await bench.Catalog.ListAsync(CancellationToken.None)).Count);
        Assert.Equal(next.Id, (await bench.BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        Assert.NotEqual(full.Id, next.Id);
    }

    [SkippableFact]
    public async Task A_full_backup_passes_PostgreSQLs_own_verification()
    {
        var full = await bench.BackUpAsync(BackupType.Full);
        var by = bench.NewPlace();
        Directory.CreateDirectory(by);
        await Shell.RunAsync("tar", "-xzf", bench.PathOf(full), "-C", by);
        if (Environment.IsPrivilegedProcess)
            await Shell.RunAsync("chown", "-R", "65534:65534", by);

        Assert.Contains("successfully verified", cluster.RunAsUser("pg_verifybackup", by), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_damaged_or_missing_piece_of_WAL_is_told_and_what_is_before_it_is_still_restored()
    {
        cluster.Execute("postgres", "DROP TABLE IF EXISTS kept", "CREATE TABLE kept AS SELECT 1 AS id");
        var full = await bench.BackUpAsync(BackupType.Full);
        cluster.Execute("postgres", "UPDATE kept SET id = 2");
        var second = await bench.BackUpAsync(BackupType.Incremental);
        cluster.Execute("postgres", "UPDATE kept SET id = 3");
        var third = await bench.BackUpAsync(BackupType.Incremental);
        Damage.FlipBit(bench.PathOf(third));

        var to = bench.NewPlace();
        var inside = second.CapturedAt + ((third.CapturedAt - second.CapturedAt) / 2);
        var damaged = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(inside, to));
        Assert.Contains(third.File, damaged.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(to));

        await bench.RestoreAsync(second.CapturedAt, to);
        Assert.Equal("2", Physical.RowsOf(cluster, to, "SELECT id FROM kept")[0]);
        File.Delete(bench.PathOf(second));
        Assert.Equal(new RecoveryWindow(full.RestorableFrom, full.RestorableFrom), Assert.Single(RecoveryWindow.Of(await bench.Catalog.ListAsync(CancellationToken.None))));
    }

    [SkippableFact]
    public async Task A_server_that_dies_in_the_middle_leaves_no_backup()
    {
        await using var capture = await bench.Source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: false), CancellationToken.None);
        cluster.Stop("immediate");
        try
        {
            var failure = await Assert.ThrowsAsync<BackupException>(() => bench.StoreAsync(capture, new BackupLabel("daily", BackupType.Full)));
            Assert.Equal(FailureKind.SourceUnreachable, failure.Kind);
            Assert.StartsWith("the server of 'postgresql://postgres@/", failure.Message, StringComparison.Ordinal);
            Assert.Empty(TempDirectory.FilesIn(bench.Store));
        }
        finally
        {
            cluster.Start();
        }
    }

    /// <summary>Commits one row after the other, and tells between which instants each was committed.</summary>
    private List<(int Id, DateTimeOffset Before, DateTimeOffset At)> Mark(CancellationToken stop)
    {
        var marks = new List<(int, DateTimeOffset, DateTimeOffset)>();
        using var connection = cluster.Open();
        using var insert = new Npgsql.NpgsqlCommand("INSERT INTO marks DEFAULT VALUES RETURNING id", connection);
        using var now = new Npgsql.NpgsqlCommand("SELECT clock_timestamp()", connection);
        while (!stop.IsCancellationRequested)
        {
            var before = new DateTimeOffset((DateTime)now.ExecuteScalar()!);
            var id = (int)insert.ExecuteScalar()!;
            marks.Add((id, before, new DateTimeOffset((DateTime)now.ExecuteScalar()!)));
            stop.WaitHandle.WaitOne(20); // 50 a second
        }

        return marks;
    }
}
