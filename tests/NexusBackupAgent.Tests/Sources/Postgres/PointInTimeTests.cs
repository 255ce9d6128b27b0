using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A cluster that is written all the time is restored to instants between its backups, to the transaction.</summary>
public sealed class PointInTimeTests : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly PostgresCluster cluster;
    private readonly ScratchDirectory scratch;
    private readonly LocalDirectoryStore store;
    private readonly IBackupSource source;
    private readonly RunningClock clock = new(Some.Instant);

    public PointInTimeTests(PostgresCluster cluster)
    {
        PostgresCluster.Require();
        this.cluster = cluster;
        File.SetUnixFileMode(temp.Path, (UnixFileMode)Convert.ToInt32("711", 8));
        clock.Set(Now()); // instants are the server's; behind its clock by the time that its answer took, so that what follows a backup comes after its instant
        scratch = new ScratchDirectory(temp.Sub("scratch"));
        store = new LocalDirectoryStore("local", temp.Sub("store"));
        source = Physical.SourceOf(cluster, scratch, clock, $"test_{Guid.NewGuid():N}");
    }

    private BackupCatalog Catalog => new(store, "", "shop", source.Kind, new ArtifactFormats(source.FormatOf), TimeZoneInfo.Utc);

    public void Dispose()
    {
        cluster.Execute("postgres", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
        scratch.Dispose();
        temp.Dispose();
    }

    [SkippableFact]
    public async Task At_any_instant_the_restored_state_is_what_was_committed_by_then_no_more_and_no_less()
    {
        cluster.Execute("postgres", "DROP TABLE IF EXISTS marks", "CREATE TABLE marks (id serial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), pad text DEFAULT repeat('x', 500))");
        cluster.RunAsUser("pgbench", "-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres", "-i", "-s", "1", "-q", "postgres");
        using var stop = new CancellationTokenSource();
        var bench = Task.Run(() => cluster.RunAsUser("pgbench", "-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres", "-c", "2", "-R", "50", "-T", "20", "postgres"));
        var marking = Task.Run(() => Mark(stop.Token));

        // also between the last of one chain and the next full or differential one, and from a differential one on
        var first = await BackUpAsync(BackupType.Full);
        var complete = Now(); // while it was written there was none that leads to an instant
        foreach (var type in (BackupType[])[BackupType.Incremental, BackupType.Differential, BackupType.Incremental, BackupType.Full, BackupType.Incremental, BackupType.Differential])
            await BackUpAsync(type);
        var last = await BackUpAsync(BackupType.Incremental);
        await stop.CancelAsync();
        var committed = await marking;
        await bench;

        var backups = await Catalog.ListAsync(CancellationToken.None);
        Assert.Equal(new RecoveryWindow(first.CapturedAt, last.CapturedAt), Assert.Single(RecoveryWindow.Of(backups)));
        var inside = committed.Where(mark => mark.At > complete && mark.At < last.CapturedAt.AddSeconds(-1)).ToList(); // the two clocks differ by a little
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
            var to = Path.Combine(Path.GetDirectoryName(cluster.Data)!, $"at-{point}");

            var outcome = await RestoreAsync(at, to);

            Assert.Equal($"{mark.Id} {mark.Id} of {seed}", $"{Physical.RowsOf(cluster, to, "SELECT max(id) || ' ' || count(*) FROM marks")[0]} of {seed}");
            Assert.Equal(to, outcome.Place.Location);
            Directory.Delete(to, recursive: true);
        }

        var late = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(last.CapturedAt.AddMinutes(1), Path.Combine(temp.Path, "late")));
        Assert.Equal(FailureKind.NotFound, late.Kind);
        Assert.Contains(last.CapturedAt.ToString("HH:mm:ss", CultureInfo.InvariantCulture), late.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_gap_in_the_WAL_is_told_and_makes_the_next_backup_a_full_one()
    {
        var full = await BackUpAsync(BackupType.Full);
        cluster.Execute("postgres", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
        for (var i = 0; i < 3; i++)
            cluster.Execute("postgres", "SELECT txid_current()", "SELECT pg_switch_wal()", "CHECKPOINT");

        var gap = await Assert.ThrowsAsync<NoIncrementException>(() => BackUpAsync(BackupType.Incremental));

        Assert.Contains("gap", gap.Message, StringComparison.Ordinal);
        Assert.Contains("was dropped", gap.Message, StringComparison.Ordinal);
        var next = await BackUpAsync(BackupType.Full);
        Assert.Null(next.Manifest.Continues);
        Assert.Equal(2, RecoveryWindow.Of(await Catalog.ListAsync(CancellationToken.None)).Count);
        Assert.Equal(next.Id, (await BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        Assert.NotEqual(full.Id, next.Id);
    }

    [SkippableFact]
    public async Task A_full_backup_passes_PostgreSQLs_own_verification()
    {
        var full = await BackUpAsync(BackupType.Full);
        var by = Path.Combine(Path.GetDirectoryName(cluster.Data)!, $"hand-{Guid.NewGuid():N}");
        Directory.CreateDirectory(by);
        await Shell.RunAsync("tar", "-xzf", Path.Combine(temp["store"], full.File), "-C", by);
        if (Environment.IsPrivilegedProcess)
            await Shell.RunAsync("chown", "-R", "65534:65534", by);

        Assert.Contains("successfully verified", cluster.RunAsUser("pg_verifybackup", by), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_damaged_or_missing_piece_of_WAL_is_told_and_what_is_before_it_is_still_restored()
    {
        cluster.Execute("postgres", "DROP TABLE IF EXISTS kept", "CREATE TABLE kept AS SELECT 1 AS id");
        var full = await BackUpAsync(BackupType.Full);
        cluster.Execute("postgres", "UPDATE kept SET id = 2");
        var second = await BackUpAsync(BackupType.Incremental);
        cluster.Execute("postgres", "UPDATE kept SET id = 3");
        var third = await BackUpAsync(BackupType.Incremental);
        Damage.FlipBit(Path.Combine(temp["store"], third.File));

        var to = Path.Combine(Path.GetDirectoryName(cluster.Data)!, $"kept-{Guid.NewGuid():N}");
        var inside = second.CapturedAt + ((third.CapturedAt - second.CapturedAt) / 2);
        var damaged = await Assert.ThrowsAsync<BackupException>(() => RestoreAsync(inside, to));
        Assert.Contains(third.File, damaged.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(to));

        await RestoreAsync(second.CapturedAt, to);
        Assert.Equal("2", Physical.RowsOf(cluster, to, "SELECT id FROM kept")[0]);
        File.Delete(Path.Combine(temp["store"], second.File));
        Assert.Equal(new RecoveryWindow(full.CapturedAt, full.CapturedAt), Assert.Single(RecoveryWindow.Of(await Catalog.ListAsync(CancellationToken.None))));
    }

    [SkippableFact]
    public async Task A_server_that_dies_in_the_middle_leaves_no_backup()
    {
        await using var capture = await source.CaptureAsync(new CaptureRequest(BackupType.Full, Base: null, MayBeBase: false), CancellationToken.None);
        cluster.Stop("immediate");
        try
        {
            var failure = await Assert.ThrowsAsync<BackupException>(() => new BackupWriter(Catalog, source, compression: 1, clock).StoreAsync(capture, new BackupLabel("daily", BackupType.Full), progress: null, CancellationToken.None));
            Assert.Equal(FailureKind.SourceUnreachable, failure.Kind);
            Assert.StartsWith("the server of 'postgresql://postgres@/", failure.Message, StringComparison.Ordinal);
            Assert.Empty(TempDirectory.FilesIn(temp["store"]));
        }
        finally
        {
            cluster.Start();
        }
    }

    private DateTimeOffset Now() => new(DateTime.Parse(cluster.Rows("postgres", "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal));

    private async Task<Backup> BackUpAsync(BackupType type)
    {
        var backups = await Catalog.ListAsync(CancellationToken.None);
        var newest = backups.Count == 0 ? null : backups.MaxBy(backup => backup.CapturedAt);
        var chain = newest is null ? null : CatalogLink.ChainOf(Catalog, newest, isJudged: false, progress: null);
        var on = type switch { BackupType.Full => null, BackupType.Differential => backups.Where(backup => backup.Manifest.Type == BackupType.Full).MaxBy(backup => backup.CapturedAt), _ => newest };
        var request = new CaptureRequest(type, on is null ? null : CatalogLink.ChainOf(Catalog, on, isJudged: false, progress: null), MayBeBase: true) { Previous = chain?.Tip };
        await using var capture = await source.CaptureAsync(request, CancellationToken.None);
        var label = new BackupLabel("daily", type, on?.Id, newest?.Id);
        var stored = await new BackupWriter(Catalog, source, compression: 1, clock).StoreAsync(capture, label, progress: null, CancellationToken.None);
        var verified = await new BackupVerifier(scratch, clock).VerifyAsync(source, Catalog, await Catalog.FindAgainAsync(stored, CancellationToken.None), progress: null, CancellationToken.None);
        Assert.True(verified.Verification!.Passed, verified.Verification.FirstFailure);
        return verified;
    }

    private async Task<RestoreOutcome> RestoreAsync(DateTimeOffset at, string to)
    {
        var restorer = new Restorer(new BackupVerifier(scratch, clock), clock);
        var request = new RestoreRequest("shop", source, Catalog, RestoreSettings.None, TimeZoneInfo.Utc, new RestoreWish(At: at), to, Force: false);
        var events = new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { });
        return await restorer.RestoreAsync(restorer.Begin(await restorer.PreviewAsync(request, CancellationToken.None), events), CancellationToken.None);
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
