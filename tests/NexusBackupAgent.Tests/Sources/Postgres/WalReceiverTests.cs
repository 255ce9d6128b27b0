using System.Globalization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Postgres.Physical;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>WAL is received all the time: whatever ends the receiver, nothing is missing, or that is told at once.</summary>
public sealed class WalReceiverTests : IClassFixture<PostgresCluster>, IDisposable
{
    private readonly PostgresCluster cluster;
    private readonly PhysicalBench bench;

    public WalReceiverTests(PostgresCluster cluster)
    {
        this.cluster = cluster;
        bench = new PhysicalBench(cluster, isLive: true);
        cluster.Execute("postgres", "DROP TABLE IF EXISTS kept", "CREATE TABLE kept (id int)");
    }

    private IReadOnlyList<WalSegment> Received => new ReceivedWal(bench.Streams).Segments(16 << 20);

    public void Dispose() => bench.Dispose();

    [SkippableFact]
    public async Task What_was_committed_between_backups_is_restored_when_the_server_has_removed_its_own_WAL()
    {
        var source = NewSource();
        await using var receiving = await StartAsync(source);
        await bench.BackUpAsync(BackupType.Full);
        cluster.Execute("postgres", "INSERT INTO kept VALUES (1)");
        var between = bench.ServerTime();
        cluster.Execute("postgres", "INSERT INTO kept VALUES (2)");
        var written = cluster.Rows("postgres", "SELECT pg_walfile_name(pg_current_wal_lsn())")[0];
        Turn(times: 4);
        await Eventually.TrueAsync(() => { cluster.Execute("postgres", "CHECKPOINT"); return cluster.Rows("postgres", $"SELECT name FROM pg_ls_waldir() WHERE name = '{written}'").Count == 0; }, "the server removes what was received");

        var incremental = await bench.BackUpAsync(BackupType.Incremental);

        Assert.NotNull(incremental.Manifest.Continues);
        var to = bench.NewPlace();
        await bench.RestoreAsync(between, to);
        Assert.Equal("1", Physical.RowsOf(cluster, to, "SELECT string_agg(id::text, ',') FROM kept")[0]);
        Assert.Empty(bench.Gaps);
        Assert.True(receiving.IsRunning); // a slot that the agent receives from breaks no backup
    }

    [SkippableFact]
    public async Task A_receiver_that_is_killed_or_left_by_a_killed_agent_loses_nothing()
    {
        var source = NewSource();
        await using (var first = await StartAsync(source))
        {
            await bench.BackUpAsync(BackupType.Full);
            var before = await ReceivedAsync(source, "before");
            System.Diagnostics.Process.GetProcessById(ReceiverOf(bench.Streams)).Kill();
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
            Assert.NotNull((await bench.BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        }

        // Nobody receives: a backup takes what was received, and fetches the rest itself.
        Turn(times: 2);
        var alone = NewSource();
        Assert.NotNull((await bench.BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        Assert.NotNull((await bench.BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        await using var again = await StartAsync(alone);
        Turn(times: 2);
        Assert.NotNull((await bench.BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        Assert.Empty(bench.Gaps);
    }

    [SkippableFact]
    public async Task A_server_that_is_restarted_is_received_from_again()
    {
        var source = NewSource();
        await using var before = await StartAsync(source);
        await bench.BackUpAsync(BackupType.Full);
        cluster.Stop();
        try
        {
            await Assert.ThrowsAsync<BackupException>(() => before.Running);
            Assert.Equal(FailureKind.SourceUnreachable, (await Assert.ThrowsAsync<BackupException>(() => source.Service!.RunAsync(bench.Gaps.Add, CancellationToken.None))).Kind);
        }
        finally
        {
            cluster.Start();
        }

        await using var after = await StartAsync(source);
        Turn(times: 2);
        Assert.NotNull((await bench.BackUpAsync(BackupType.Incremental)).Manifest.Continues);
        Assert.Empty(bench.Gaps);
        Assert.Null(source.Service!.State.LastGapAt);
    }

    [SkippableFact]
    public async Task A_slot_that_is_dropped_or_a_segment_that_is_deleted_is_a_gap_that_is_told_at_once()
    {
        var source = NewSource();
        await using (await StartAsync(source))
        {
            await bench.BackUpAsync(BackupType.Full);
            Turn(times: 1);
            await ReceivedAsync(source, "one");
        }

        await EndReceiverAsync();
        await cluster.DropSlotsAsync($"slot_name = '{bench.Slot}'");
        Turn(times: 5);
        cluster.Execute("postgres", "CHECKPOINT");
        await using (await StartAsync(source))
        {
            var dropped = Assert.Single(bench.Gaps);
            Assert.Equal(FailureKind.SourceGap, dropped.Kind);
            Assert.Contains($"the replication slot {bench.Slot} was dropped", dropped.Message, StringComparison.Ordinal);
            Assert.NotNull(source.Service!.State.LastGapAt);
            Assert.Equal(source.Service.State.LastGapAt, bench.NewSource(bench.Streams).Service!.State.LastGapAt); // also after the agent's restart
            await Assert.ThrowsAsync<NoIncrementException>(() => bench.BackUpAsync(BackupType.Incremental));
            Assert.Null((await bench.BackUpAsync(BackupType.Full)).Manifest.Continues);
            Turn(times: 3);
            await ReceivedAsync(source, "three");
            var middle = Received[^2];
            File.Delete(Path.Combine(bench.Streams, middle.Name));
            var told = await Assert.ThrowsAsync<BackupException>(() => running!.Running);
            Assert.Contains(middle.Name, told.Message, StringComparison.Ordinal);
        }

        await using var last = await StartAsync(source);
        Assert.Contains("was received and is no longer", bench.Gaps[^1].Message, StringComparison.Ordinal);
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
        Assert.Empty(bench.Gaps);

        await using var again = await StartAsync(source);

        Assert.Contains("slotLimit", Assert.Single(bench.Gaps).Message, StringComparison.Ordinal);
        Assert.InRange(source.Service!.State.Lag, 0, 40L << 20);
    }

    [SkippableFact]
    public async Task A_slot_that_somebody_else_receives_from_is_left_alone()
    {
        await using var first = await StartAsync(NewSource());
        var other = bench.NewSource(bench.Streams + "-other");

        var refused = await Assert.ThrowsAsync<BackupException>(() => other.Service!.RunAsync(bench.Gaps.Add, CancellationToken.None));

        Assert.Equal(FailureKind.SourceBusy, refused.Kind);
        Assert.True(first.IsRunning);
    }

    private Receiving? running;

    /// <summary>What an agent that begins anew has.</summary>
    private PhysicalSource NewSource(long limit = 1L << 40)
    {
        var source = bench.NewSource(bench.Streams, limit);
        bench.Source = source;
        return source;
    }

    private async Task<Receiving> StartAsync(PhysicalSource source) => running = await bench.ReceiveAsync(source);

    /// <summary>Commits a row, and waits until its segment was received.</summary>
    /// <returns>How far all was received.</returns>
    private async Task<DateTimeOffset> ReceivedAsync(PhysicalSource source, string what)
    {
        var from = bench.Clock.GetUtcNow();
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

    private Task EndReceiverAsync() => Eventually.TrueAsync(() => cluster.Rows("postgres", $"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{bench.Slot}' AND active_pid IS NOT NULL").Count == 0, "nobody receives");

    private static int ReceiverOf(string directory) => Directory.EnumerateDirectories("/proc")
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
}
