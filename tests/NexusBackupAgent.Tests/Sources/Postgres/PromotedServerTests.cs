using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>A standby takes the place of its primary: the WAL goes on on another timeline.</summary>
public sealed class PromotedServerTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private const string Marks = "SELECT string_agg(id::text, ',' ORDER BY id) FROM marks";

    [SkippableFact]
    public async Task A_promotion_is_told_at_once_begins_a_new_window_and_instants_before_and_after_it_are_restored()
    {
        PostgresCluster.Require();
        string? standby = null;
        var bench = new PhysicalBench(cluster, isLive: true);
        try
        {
            cluster.Execute("postgres", "CREATE TABLE marks (id int)");
            Backup first, last;
            DateTimeOffset before;
            var source = bench.NewSource(bench.Streams);
            bench.Source = source;
            await using (await bench.ReceiveAsync(source))
            {
                first = await bench.BackUpAsync(BackupType.Full);
                before = Commit(1);
                Commit(2);
                last = await bench.BackUpAsync(BackupType.Incremental);
            }

            Commit(3); // and no backup has it before the promotion
            standby = bench.NewPlace();
            cluster.RunAsUser("pg_basebackup", "-h", cluster.Sockets, "-p", $"{cluster.Port}", "-U", "postgres", "-D", standby, "-X", "stream", "-c", "fast");
            await PhysicalBench.RunAsync($"touch '{standby}/standby.signal'");
            cluster.Stop();
            cluster.RunAsUser("pg_ctl", "-D", standby, "-l", cluster.LogFile, "-w", "-t", "60", "start"); // at the same address

            // As long as it is a standby, backup and reception refuse alike.
            source = bench.NewSource(bench.Streams);
            bench.Source = source;
            var refused = await Assert.ThrowsAsync<BackupException>(() => bench.BackUpAsync(BackupType.Incremental));
            var unreceived = await Assert.ThrowsAsync<BackupException>(() => source.Service!.RunAsync(bench.Gaps.Add, CancellationToken.None));
            Assert.Equal((FailureKind.SourceInvalid, refused.Kind, refused.Message), (refused.Kind, unreceived.Kind, unreceived.Message));
            Assert.Contains("is a standby", refused.Message, StringComparison.Ordinal);
            Assert.Empty(bench.Gaps);

            cluster.RunAsUser("pg_ctl", "-D", standby, "-w", "-t", "60", "promote");
            await using (await bench.ReceiveAsync(source))
            {
                var gap = Assert.Single(bench.Gaps);
                Assert.Equal(FailureKind.SourceGap, gap.Kind);
                Assert.Contains("timeline 2", gap.Message, StringComparison.Ordinal);
                Assert.Contains("timeline 2", (await Assert.ThrowsAsync<NoIncrementException>(() => bench.BackUpAsync(BackupType.Incremental))).Message, StringComparison.Ordinal);
                var second = await bench.BackUpAsync(BackupType.Full);
                Assert.Null(second.Manifest.Continues);
                var after = Commit(4);
                Commit(5);
                var end = await bench.BackUpAsync(BackupType.Incremental);
                Assert.Equal(second.Id, end.Manifest.Continues);
                Assert.Single(bench.Gaps);
                Assert.Equal((RecoveryWindow[])[new(second.RestorableFrom, end.CapturedAt), new(first.RestorableFrom, last.CapturedAt)], RecoveryWindow.Of(await bench.Catalog.ListAsync(CancellationToken.None)));

                Assert.Equal("1", await RestoredAsync(before, timelines: 2));
                Assert.Equal("1,2,3,4", await RestoredAsync(after, timelines: 3));
                Assert.Equal("1,2,3,4,5", await RestoredAsync(at: null, timelines: 3));
                var between = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(second.CapturedAt, bench.NewPlace()));
                Assert.Equal(FailureKind.NotFound, between.Kind);
                Assert.Contains(RecoveryWindow.Shown(last.CapturedAt, TimeZoneInfo.Utc), between.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            bench.Dispose();
            if (standby is not null && File.Exists(Path.Combine(standby, "postmaster.pid")))
                cluster.RunAsUser("pg_ctl", "-D", standby, "-m", "immediate", "-w", "stop");
        }

        DateTimeOffset Commit(int id)
        {
            cluster.Execute("postgres", $"INSERT INTO marks VALUES ({id})");
            return bench.ServerTime();
        }

        // Its timeline history is kept: each one that it came through, and the one that it begins.
        async Task<string> RestoredAsync(DateTimeOffset? at, int timelines)
        {
            var to = bench.NewPlace();
            await bench.RestoreAsync(to, new RestoreWish(At: at));
            Assert.Equal(Enumerable.Range(2, timelines - 1).Select(timeline => $"{timeline:X8}.history"), Directory.EnumerateFiles(Path.Combine(to, "pg_wal"), "*.history").Select(Path.GetFileName).Order(StringComparer.Ordinal));
            return Physical.RowsOf(cluster, to, Marks)[0];
        }
    }
}
