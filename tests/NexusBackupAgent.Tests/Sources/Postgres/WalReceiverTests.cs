using System.Globalization;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Postgres;
using NexusBackupAgent.Sources.Postgres.Physical;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;
using NexusBackupAgent.Verification;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>WAL is received all the time: whatever ends the receiver, nothing is missing, or that is told at once.</summary>
public sealed class WalReceiverTests : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly PostgresCluster cluster;
    private readonly ScratchDirectory scratch;
    private readonly LocalDirectoryStore store;
    private readonly RunningClock clock = new(Some.Instant);
    private readonly string slot = $"test_{Guid.NewGuid():N}";
    private readonly List<BackupException> gaps = [];

    public WalReceiverTests(PostgresCluster cluster)
    {
        PostgresCluster.Require();
        this.cluster = cluster;
        File.SetUnixFileMode(temp.Path, (UnixFileMode)Convert.ToInt32("711", 8));
        clock.Set(ServerTime);
        scratch = new ScratchDirectory(temp.Sub("scratch"));
        store = new LocalDirectoryStore("local", temp.Sub("store"));
        cluster.Execute("postgres", "DROP TABLE IF EXISTS kept", "CREATE TABLE kept (id int)");
    }

    private string Directory => Path.Combine(temp.Path, "streams", "shop");

    private IReadOnlyList<WalSegment> Received => new ReceivedWal(Directory).Segments(16 << 20);

    public void Dispose()
    {
        cluster.Execute("postgres", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL", "SELECT pg_sleep(0.2)", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT temporary");
        scratch.Dispose();
        temp.Dispose();
    }

    [SkippableFact]
    public async Task What_was_committed_between_backups_is_restored_when_the_server_has_removed_its_own_WAL()
    {
        var source = NewSource();
        await using var receiving = await StartAsync(source);
        await BackUpAsync(source, BackupType.Full);
        cluster.Execute("postgres", "INSERT INTO kept VALUES (1)");
        var between = ServerTime();
        cluster.Execute("postgres", "INSERT INTO kept VALUES (2)");
        var written = cluster.Rows("postgres", "SELECT pg_walfile_name(pg_current_wal_lsn())")[0];
        Turn(times: 4);
        await Eventually.TrueAsync(() => { cluster.Execute("postgres", "CHECKPOINT"); return cluster.Rows("postgres", $"SELECT name FROM pg_ls_waldir() WHERE name = '{written}'").Count == 0; }, "the server removes what was received");

        var incremental = await BackUpAsync(source, BackupType.Incremental);

        Assert.NotNull(incremental.Manifest.Continues);
        var to = Path.Combine(Path.GetDirectoryName(cluster.Data)!, $"at-{Guid.NewGuid():N}");
        await RestoreAsync(source, between, to);
        Assert.Equal("1", Physical.RowsOf(cluster, to, "SELECT string_agg(id::text, ',') FROM kept")[0]);
        Assert.Empty(gaps);
        Assert.True(receiving.IsRunning); // a slot that the agent receives from breaks no backup
    }

    [SkippableFact]
    public async Task A_receiver_that_is_killed_or_left_by_a_killed_agent_loses_nothing()
    {
        var source = NewSource();
        await using (var first = await StartAsync(source))
        {
            await BackUpAsync(source, BackupType.Full);
            var before = await ReceivedAsync(source, "before");
            System.Diagnostics.Process.GetProcessById(ReceiverOf(Directory)).Kill();
            var broke = await Assert.ThrowsAsync<BackupException>(() => first.Running);
            Assert.Equal(FailureKind.SourceUnreachable, broke.Kind);
            Assert.False(source.Service!.State.IsUp);
            Turn(times: 2);
            await using var second = await StartAsync(source);
            Assert.True(await ReceivedAsync(source, "after") > before);

            // The agent is gone and its receiver is not: the next agent's takes the slot.
            var next = NewSource();
            await using var third = await StartAsync(next);
            await Assert.ThrowsAsync<BackupException>(() => second.Running);
            Turn(times: 2);
            Assert.NotNull((await BackUpAsync(next, BackupType.Incremental)).Manifest.Continues);
        }

        // Nobody receives: a backup takes what was received, and fetches the rest itself.
        Turn(times: 2);
        var alone = NewSource();
        Assert.NotNull((await BackUpAsync(alone, BackupType.Incremental)).Manifest.Continues);
        Assert.NotNull((await BackUpAsync(alone, BackupType.Incremental)).Manifest.Continues);
        await using var again = await StartAsync(alone);
        Turn(times: 2);
        Assert.NotNull((await BackUpAsync(alone, BackupType.Incremental)).Manifest.Continues);
        Assert.Empty(gaps);
    }

    [SkippableFact]
    public async Task A_server_that_is_restarted_is_received_from_again()
    {
        var source = NewSource();
        await using var before = await StartAsync(source);
        await BackUpAsync(source, BackupType.Full);
        cluster.Stop();
        try
        {
            await Assert.ThrowsAsync<BackupException>(() => before.Running);
            Assert.Equal(FailureKind.SourceUnreachable, (await Assert.ThrowsAsync<BackupException>(() => source.Service!.RunAsync(gaps.Add, CancellationToken.None))).Kind);
        }
        finally
        {
            cluster.Start();
        }

        await using var after = await StartAsync(source);
        Turn(times: 2);
        Assert.NotNull((await BackUpAsync(source, BackupType.Incremental)).Manifest.Continues);
        Assert.Empty(gaps);
        Assert.Null(source.Service!.State.LastGapAt);
    }

    [SkippableFact]
    public async Task A_slot_that_is_dropped_or_a_segment_that_is_deleted_is_a_gap_that_is_told_at_once()
    {
        var source = NewSource();
        await using (await StartAsync(source))
        {
            await BackUpAsync(source, BackupType.Full);
            Turn(times: 1);
            await ReceivedAsync(source, "one");
        }

        await EndReceiverAsync();
        cluster.Execute("postgres", $"SELECT pg_drop_replication_slot('{slot}')");
        Turn(times: 5);
        cluster.Execute("postgres", "CHECKPOINT");
        await using (await StartAsync(source))
        {
            var dropped = Assert.Single(gaps);
            Assert.Equal(FailureKind.SourceGap, dropped.Kind);
            Assert.Contains($"the replication slot {slot} was dropped", dropped.Message, StringComparison.Ordinal);
            Assert.NotNull(source.Service!.State.LastGapAt);
            Assert.Equal(source.Service.State.LastGapAt, NewSource().Service!.State.LastGapAt); // also after the agent's restart
            await Assert.ThrowsAsync<NoIncrementException>(() => BackUpAsync(source, BackupType.Incremental));
            Assert.Null((await BackUpAsync(source, BackupType.Full)).Manifest.Continues);
            Turn(times: 3);
            await ReceivedAsync(source, "three");
            var middle = Received[^2];
            File.Delete(Path.Combine(Directory, middle.Name));
            var told = await Assert.ThrowsAsync<BackupException>(() => running!.Running);
            Assert.Contains(middle.Name, told.Message, StringComparison.Ordinal);
        }

        await using var last = await StartAsync(source);
        Assert.Contains("was received and is no longer", gaps[^1].Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_slot_that_keeps_more_than_its_limit_is_dropped_before_it_fills_the_servers_disk()
    {
        var source = NewSource(limit: 40L << 20);
        cluster.Execute("postgres", "CHECKPOINT"); // a new slot begins there
        await using (await StartAsync(source))
        {
            await ReceivedAsync(source, "all");
            Assert.Equal(40L << 20, source.Service!.State.Limit);
            Assert.InRange(source.Service.State.Lag, 0, 17L << 20);
        }

        await EndReceiverAsync();
        Turn(times: 4);
        Assert.Empty(gaps);

        await using var again = await StartAsync(source);

        Assert.Contains("slotLimit", Assert.Single(gaps).Message, StringComparison.Ordinal);
        Assert.InRange(source.Service!.State.Lag, 0, 40L << 20);
    }

    [SkippableFact]
    public async Task A_slot_that_somebody_else_receives_from_is_left_alone()
    {
        await using var first = await StartAsync(NewSource());
        var other = NewSource(directory: Path.Combine(temp.Path, "other", "shop"));

        var refused = await Assert.ThrowsAsync<BackupException>(() => other.Service!.RunAsync(gaps.Add, CancellationToken.None));

        Assert.Equal(FailureKind.SourceBusy, refused.Kind);
        Assert.True(first.IsRunning);
    }

    private Receiving? running;

    private PhysicalSource NewSource(long limit = 1L << 40, string? directory = null) => new(
        new PostgresServer(PostgresAddress.Parse(cluster.Uri("postgres"), "/"), new PostgresCredentials(PasswordFile: null, ServiceFile: null), scratch),
        new PostgresTools(directory: null, clock),
        new PhysicalOptions { DataDirectory = cluster.Data, Slot = slot, SlotLimit = limit },
        scratch,
        clock) { Received = new ReceivedWal(directory ?? Directory) };

    /// <summary>Runs the service until it receives.</summary>
    private async Task<Receiving> StartAsync(PhysicalSource source)
    {
        running = new Receiving(source, gaps);
        await Eventually.TrueAsync(() => source.Service!.State.IsUp || running.Running.IsCompleted, "it receives");
        Assert.True(source.Service!.State.IsUp, running.Running.Exception?.ToString());
        return running;
    }

    /// <summary>Commits a row, and waits until its segment was received.</summary>
    /// <returns>How far all was received.</returns>
    private async Task<DateTimeOffset> ReceivedAsync(PhysicalSource source, string what)
    {
        var from = clock.GetUtcNow();
        Turn(times: 1);
        var newest = cluster.Rows("postgres", "SELECT pg_walfile_name(pg_current_wal_lsn())")[0];
        await Eventually.TrueAsync(() => source.Service!.State.ReceivedUntil > from && Received.Any(segment => string.CompareOrdinal(segment.Name, newest) >= 0), what);
        return source.Service!.State.ReceivedUntil;
    }

    /// <summary>Fills segments, so far as the server is concerned.</summary>
    private void Turn(int times)
    {
        for (var turn = 0; turn < times; turn++)
            cluster.Execute("postgres", "SELECT txid_current()", "SELECT pg_switch_wal()");
    }

    private DateTimeOffset ServerTime() => new(DateTime.Parse(cluster.Rows("postgres", "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0], CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal));

    private Task EndReceiverAsync() => Eventually.TrueAsync(() => cluster.Rows("postgres", $"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active_pid IS NOT NULL").Count == 0, "nobody receives");

    private static int ReceiverOf(string directory) => System.IO.Directory.EnumerateDirectories("/proc")
        .Select(process => (Ok: int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out var id), Id: id))
        .Where(process => process.Ok)
        .First(process =>
        {
            try
            {
                return File.ReadAllText($"/proc/{process.Id}/cmdline").Split('\0') is [var program, ..] words && program.EndsWith("pg_receivewal", StringComparison.Ordinal) && words.Contains(directory);
            }
            catch (IOException)
            {
                return false;
            }
        }).Id;

    private BackupCatalog CatalogOf(IBackupSource source) => new(store, "", "shop", source.Kind, new ArtifactFormats(source.FormatOf), TimeZoneInfo.Utc);

    private async Task<Backup> BackUpAsync(IBackupSource source, BackupType type)
    {
        var catalog = CatalogOf(source);
        var backups = await catalog.ListAsync(CancellationToken.None);
        var newest = backups.Count == 0 ? null : backups.MaxBy(backup => backup.CapturedAt);
        var chain = newest is null ? null : CatalogLink.ChainOf(catalog, newest, isJudged: false, progress: null);
        var request = new CaptureRequest(type, type == BackupType.Full ? null : chain, MayBeBase: true) { Previous = chain?.Tip };
        await using var capture = await source.CaptureAsync(request, CancellationToken.None);
        var label = new BackupLabel("daily", type, type == BackupType.Full ? null : newest!.Id, newest?.Id);
        var stored = await new BackupWriter(catalog, source, compression: 1, clock).StoreAsync(capture, label, progress: null, CancellationToken.None);
        var verified = await new BackupVerifier(scratch, clock).VerifyAsync(source, catalog, await catalog.FindAgainAsync(stored, CancellationToken.None), progress: null, CancellationToken.None);
        Assert.True(verified.Verification!.Passed, verified.Verification.FirstFailure);
        return verified;
    }

    private async Task RestoreAsync(IBackupSource source, DateTimeOffset at, string to)
    {
        var restorer = new Restorer(new BackupVerifier(scratch, clock), clock);
        var request = new RestoreRequest("shop", source, CatalogOf(source), RestoreSettings.None, TimeZoneInfo.Utc, new RestoreWish(At: at), to, Force: false);
        var events = new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { });
        await restorer.RestoreAsync(restorer.Begin(await restorer.PreviewAsync(request, CancellationToken.None), events), CancellationToken.None);
    }

    /// <summary>A service that runs until it is disposed.</summary>
    private sealed class Receiving : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = new();

        public Receiving(PhysicalSource source, List<BackupException> gaps) => Running = Task.Run(() => source.Service!.RunAsync(gaps.Add, stop.Token));

        public Task Running { get; }

        public bool IsRunning => !Running.IsCompleted;

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await Running.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            stop.Dispose();
        }
    }
}
