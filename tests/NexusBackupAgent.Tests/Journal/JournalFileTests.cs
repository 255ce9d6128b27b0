using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

public sealed class JournalFileTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(Some.Instant);

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData("echo this is no database, and it is long enough to be looked at as one ............................. > journal.db")]
    [InlineData("printf 'SQLite format 3\\0' > journal.db; head -c 5000 /dev/urandom >> journal.db")]
    [InlineData("head -c 4096 /dev/urandom | dd of=journal.db bs=4096 seek=1 conv=notrunc status=none")]
    [InlineData("head -c 4096 /dev/urandom | dd of=journal.db bs=4096 seek=3 conv=notrunc status=none")]
    public async Task A_damaged_journal_is_set_aside_and_the_backups_stay(string damage)
    {
        using (var before = new Workbench(clock, temp.Path, source: new ScriptedSource(clock)))
            await before.RunAsync();
        await Shell.BashAsync($"cd '{temp["state"]}'; {damage}");

        using var after = new Workbench(clock, temp.Path, source: new ScriptedSource(clock));

        Assert.Equal(Path.Combine(temp["state"], "journal.db.bad-20260214020000"), after.SetAside);
        Assert.True(File.Exists(after.SetAside));
        Assert.Single(await after.BackupsAsync());
        Assert.Equal(RunResult.Success, (await after.RunAsync()).Result);
    }

    [SkippableFact]
    public async Task An_empty_journal_file_is_begun()
    {
        temp.Sub("state");
        await File.WriteAllTextAsync(Path.Combine(temp["state"], "journal.db"), "");
        using var bench = new Workbench(clock, temp.Path, source: new ScriptedSource(clock));
        Assert.Null(bench.SetAside);
        Assert.Equal(RunResult.Success, (await bench.RunAsync()).Result);
    }

    [SkippableFact]
    public async Task A_state_directory_that_cannot_be_written_is_named()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        JournalDatabase.Open(small.Path, Some.Instant, out _).Dispose();
        await small.RemountAsync("ro");
        var refused = Assert.Throws<BackupException>(() => JournalDatabase.Open(small.Path, Some.Instant, out _));
        Assert.Contains(Path.Combine(small.Path, "journal.db"), refused.Message, StringComparison.Ordinal);
        Assert.Contains("ls -la", refused.Hint, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_journal_of_a_newer_agent_is_refused()
    {
        JournalDatabase.Open(temp.Path, Some.Instant, out _).Dispose();
        await SqliteSamples.SqlAsync(temp["journal.db"], "PRAGMA user_version = 99");
        Assert.Contains("newer agent", Assert.Throws<BackupException>(() => JournalDatabase.Open(temp.Path, Some.Instant, out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_open_run_of_a_dead_process_is_closed_as_died_by_the_next()
    {
        using var journal = new OperationJournal(JournalDatabase.Open(temp.Path, Some.Instant, out _));
        journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, Some.Instant));
        journal.Begin(Operation.BegunBackup("itsm", "weekly", BackupType.Full, Some.Instant.AddHours(1)));

        Assert.Equal(FailureKind.Died, journal.LastFailure("itsm")!.Kind);
        Assert.Equal(1, journal.Read().Runs[("itsm", "daily", "failure")]);
        Assert.Equal(Some.Instant.AddHours(1), journal.Read().Sources["itsm"].RunStartedAt);
        Assert.Equal(1, journal.Read().Sources["itsm"].ConsecutiveFailures);
    }

    [Fact]
    public void A_source_is_known_since_the_earliest_instant_that_was_told()
    {
        using var journal = new OperationJournal(JournalDatabase.Open(temp.Path, Some.Instant, out _));
        Assert.Equal(Some.Instant, journal.AddSource("itsm", Some.Instant));
        Assert.Equal(Some.Instant, journal.AddSource("itsm", Some.Instant.AddDays(1)));
        Assert.Equal(Some.Instant.AddDays(-1), journal.AddSource("itsm", Some.Instant.AddDays(-1)));
        Assert.Equal(Some.Instant.AddDays(-1), journal.Read().Sources["itsm"].AddedAt);
    }

    [Fact]
    public void Reading_waits_for_nobody_who_writes()
    {
        using var database = JournalDatabase.Open(temp.Path, Some.Instant, out _);
        var journal = new OperationJournal(database);
        journal.AddSources(["itsm", "crm"], Some.Instant);
        var seen = database.Transact(transaction =>
        {
            JournalSql.Execute(transaction, "DELETE FROM sources");
            var reading = Task.Run(() => journal.Read().Sources.Keys.Order(StringComparer.Ordinal).ToList());
            return reading.Wait(TimeSpan.FromMinutes(3)) ? reading.Result : null;
        });
        Assert.Equal(["crm", "itsm"], seen);
        Assert.Empty(journal.Read().Sources);
    }

    [Fact]
    public void What_is_noted_already_is_not_written_again()
    {
        using var journal = new OperationJournal(JournalDatabase.Open(temp.Path, Some.Instant, out _));
        NotedSchedule[] schedules = [new("daily", "0 2 * * *", RetentionPeriod.Parse("7d"), Some.Instant.AddDays(-3)), new("weekly", "0 3 * * 0", RetentionPeriod.Parse("4w"), Since: null)];
        Assert.NotEqual(0, Note(Some.Instant, schedules));
        Assert.Equal(0, Note(Some.Instant.AddHours(1), schedules));
        Assert.NotEqual(0, Note(Some.Instant.AddHours(1), schedules[..1]));
        Assert.Equal([("itsm", "daily")], journal.Read().Schedules.Keys);

        long Note(DateTimeOffset now, NotedSchedule[] configured)
        {
            var before = WalLength();
            journal.AddSources(["itsm"], now);
            journal.NoteSchedules("itsm", configured, now, TimeZoneInfo.Utc);
            return WalLength() - before;
        }

        long WalLength() => new FileInfo(Path.Combine(temp.Path, "journal.db-wal")).Length;
    }

    [Fact]
    public void Two_connections_write_one_journal()
    {
        using var one = new OperationJournal(JournalDatabase.Open(temp.Path, Some.Instant, out _));
        using var other = new OperationJournal(JournalDatabase.Open(temp.Path, Some.Instant, out _));
        Parallel.ForEach(
            [one, other],
            journal =>
            {
                for (var i = 0; i < 20; i++)
                    journal.Record(Operation.BegunBackup("itsm", "daily", BackupType.Full, Some.Instant) with { EndedAt = Some.Instant, IsSkipped = true });
            });
        Assert.Equal(40, one.Read().Runs[("itsm", "daily", "skipped")]);
    }
}
