using System.Diagnostics;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>A database that nobody has open is copied; its programs may come at that very time, as cron scripts do and code that runs for each request.</summary>
public sealed class DisturbedCopyTests : SqliteSourceFixture
{
    /// <summary>Connects, commits and closes without a pause, as the last one: then SQLite merges the WAL and deletes it, where no lock forbids that.</summary>
    private const string ShortConnections = """
        db.close()
        import select, threading
        def connect():
            while True:
                db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
                for statement in ['BEGIN IMMEDIATE', 'UPDATE debit SET amount = amount - 1 WHERE id = 7', 'UPDATE credit SET amount = amount + 1 WHERE id = 1990', 'UPDATE total SET transfers = transfers + 1', 'COMMIT']:
                    db.execute(statement)
                db.close()
                select.select([], [], [], 0.001) # not time.sleep: it sleeps until an instant of a clock that tests/clock changes
        threading.Thread(target=connect, daemon=True).start()
        """;

    [SkippableFact]
    public async Task A_program_that_opens_it_and_stays_is_no_stranger()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        RunningWriter? holder = null;

        var copy = await CopyDisturbedAsync(new Disturbance(1, TimeSpan.Zero, () => holder = SqliteSamples.HoldAsync(Database, "db.execute('UPDATE total SET transfers = 1')").GetAwaiter().GetResult()));

        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(copy));
        await holder!.DisposeAsync();
    }

    /// <summary>However long the copy took that was disturbed: another one would take as long.</summary>
    [SkippableFact]
    public async Task A_program_that_opens_and_closes_it_costs_one_copy()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        var disturbance = new Disturbance(1, TimeSpan.FromHours(1), () => SqliteSamples.SqlAsync(Database, "UPDATE total SET transfers = 1").GetAwaiter().GetResult());

        var copy = await CopyDisturbedAsync(disturbance);

        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(copy));
        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(Database)); // what lay beside it stays whole for its next start
    }

    [SkippableFact]
    public async Task So_does_one_that_commits_into_an_empty_wal_that_lay_there()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        var left = await SqliteSamples.HoldAsync(Database, "db.execute('SELECT count(*) FROM total').fetchall()");
        await left.KillAsync();
        Assert.Equal(0, new FileInfo(Database + "-wal").Length);

        var copy = await CopyDisturbedAsync(new Disturbance(1, TimeSpan.Zero, () => SqliteSamples.SqlAsync(Database, "UPDATE total SET transfers = 1").GetAwaiter().GetResult()));

        Assert.Equal(1, await SqliteSamples.AssertLedgerAsync(copy));
    }

    [SkippableFact]
    public async Task Short_connections_without_a_pause_fail_no_backup()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var program = await SqliteSamples.HoldAsync(Database, ShortConnections);
        var seen = 0;
        for (var i = 0; i < 60; i++)
        {
            var transfers = await SqliteSamples.AssertLedgerAsync(await CopyAsync());
            Assert.True(transfers >= seen, "an older state than the one before");
            seen = transfers;
            Assert.DoesNotContain(new SqliteSettings(new SqliteSourceKind(), "itsm", Database, TimeSpan.Zero).Check(), problem => problem.IsError);
        }

        await Eventually.TrueAsync(async () => await SqliteSamples.AssertLedgerAsync(await CopyAsync()) > seen, "the program commits");
    }

    /// <summary>Whatever writes a database without SQLite's locks leaves no WAL to read.</summary>
    [SkippableFact]
    public async Task What_changes_under_its_lock_each_time_is_refused_with_the_reason()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        var disturbance = new Disturbance(int.MaxValue, TimeSpan.FromHours(1), () => File.SetLastWriteTimeUtc(Database, File.GetLastWriteTimeUtc(Database).AddSeconds(1)));

        var refusal = await Assert.ThrowsAsync<BackupException>(() => CopyDisturbedAsync(disturbance));

        Assert.Equal(FailureKind.SourceBusy, refusal.Kind);
        Assert.Equal($"database '{Database}' changed each of the 3 times that it was copied, in spite of its lock", refusal.Message);
        Assert.Equal(3, disturbance.Times);
    }

    /// <summary>An agent that is to stop does not wait for SQLite to move a long WAL.</summary>
    [SkippableFact]
    public async Task Bringing_in_what_a_dead_program_left_can_be_cancelled()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await (await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('CREATE TABLE t (x)')\nfor i in range(96): db.execute('INSERT INTO t VALUES (zeroblob(1000000))')")).KillAsync();
        var length = new FileInfo(Database).Length;
        var isCancelled = false;
        for (var tries = 0; tries < 20 && !isCancelled; tries++) // it may be done before it is told
            isCancelled = await IsCancelledAsync(length);
        Assert.True(isCancelled, "each was moved to its end");
    }

    private async Task<bool> IsCancelledAsync(long length)
    {
        using var cancel = new CancellationTokenSource();
        var copying = Task.Run(() => Source().OpenSnapshotAsync(cancel.Token));
        await Eventually.TrueAsync(() => CopiesIn(Scratch).Any(copy => copy.Length > length), "SQLite moves the WAL into the copy");
        await cancel.CancelAsync();
        try
        {
            await (await copying).DisposeAsync();
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    private static IEnumerable<FileInfo> CopiesIn(string scratch) =>
        new DirectoryInfo(scratch).EnumerateFiles("*.scratch", SearchOption.AllDirectories).Where(copy => copy.Exists);

    private async Task<string> CopyDisturbedAsync(Disturbance disturbance)
    {
        using var scratch = new NexusBackupAgent.Platform.ScratchDirectory(Scratch);
        var copy = Temp["disturbed.db"];
        await using (var snapshot = await new SqliteSource(Database, scratch, TimeSpan.FromSeconds(20), disturbance).OpenSnapshotAsync(CancellationToken.None))
        await using (var file = File.Create(copy))
            await snapshot.CopyToAsync(file, CancellationToken.None);
        Assert.True(disturbance.Times > 0, "nothing disturbed the copy");
        return copy;
    }

    /// <summary>A clock that is read when the lock is taken and nothing copied yet: then something happens, and time goes by.</summary>
    private sealed class Disturbance(int most, TimeSpan takes, Action happens) : TimeProvider
    {
        private TimeSpan later;

        public int Times { get; private set; }

        public override DateTimeOffset GetUtcNow()
        {
            if (Times < most)
            {
                Times++;
                happens();
                later += takes;
            }

            return System.GetUtcNow() + later;
        }

        public override long GetTimestamp() => Stopwatch.GetTimestamp() + (long)(later.TotalSeconds * Stopwatch.Frequency);
    }
}
