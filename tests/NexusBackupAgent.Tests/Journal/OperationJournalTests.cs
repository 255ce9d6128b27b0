using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

public sealed class OperationJournalTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly JournalDatabase database;
    private readonly OperationJournal journal;

    public OperationJournalTests()
    {
        database = JournalDatabase.Open(temp.Path, Some.Instant, out _);
        journal = new OperationJournal(database);
    }

    public void Dispose()
    {
        database.Dispose();
        temp.Dispose();
    }

    [Fact]
    public void An_operation_is_kept_with_all_that_it_says()
    {
        var failed = journal.Record(An(OperationKind.Drill, at: 0) with
        {
            Backup = new BackupId("20260214T020000Z-3f9a2c"),
            Failure = new RunFailure(FailureKind.Restore, "the probe answered 3", "look at the database"),
        });

        Assert.Equal(failed, journal.Last("itsm", OperationKind.Drill));
        Assert.False(failed.Succeeded);
        Assert.Equal(TimeSpan.FromSeconds(5), failed.Took);
    }

    [Fact]
    public void The_last_of_a_kind_is_of_that_source_and_kind()
    {
        journal.Record(An(OperationKind.Drill, at: 0));
        var last = journal.Record(An(OperationKind.Drill, at: 1));
        journal.Record(An(OperationKind.Restore, at: 2));
        journal.Record(An(OperationKind.Drill, at: 3) with { Source = "other" });

        Assert.Equal(last, journal.Last("itsm", OperationKind.Drill));
        Assert.Equal(last, journal.LastOfEach(OperationKind.Drill)["itsm"]);
        Assert.Null(journal.Last("itsm", OperationKind.SelfTest));
    }

    [Fact]
    public void What_is_done_in_a_further_store_says_nothing_of_the_first_one()
    {
        var failed = journal.Record(An(OperationKind.Drill, at: 0) with { Failure = new RunFailure(FailureKind.Restore, "no", "mend") });
        var open = journal.Begin(Begun(OperationKind.Drill, 10));
        var ofCopy = journal.Record(An(OperationKind.Drill, at: 20) with { Store = "offsite" });
        var openThere = journal.Begin(Begun(OperationKind.Drill, 30) with { Store = "offsite" });

        Assert.Equal([open, openThere], journal.Open(OperationKind.Drill).Select(operation => operation.Id).Order());
        Assert.Equal((open, openThere), (journal.Last("itsm", OperationKind.Drill)!.Id, journal.Last("itsm", OperationKind.Drill, "offsite")!.Id));
        Assert.Equal(failed, Assert.Single(journal.LastOfEach(OperationKind.Drill)).Value);
        Assert.Empty(journal.LastSuccessOfEach(OperationKind.Drill));
        Assert.Equal([("itsm", "failure")], journal.Counts(OperationKind.Drill).Keys);
        Assert.Equal("offsite", journal.Find(ofCopy.Id)!.Store);
    }

    [Fact]
    public void Of_the_restores_only_those_over_the_live_database_tell_how_the_last_one_went()
    {
        var failure = new RunFailure(FailureKind.Restore, "no", "mend");
        journal.Record(An(OperationKind.Restore, at: 0) with { IsOverLive = true });
        var failed = journal.Record(An(OperationKind.Restore, at: 1) with { IsOverLive = true, Failure = failure });
        journal.Record(An(OperationKind.Restore, at: 2) with { IsOverLive = true, Failure = failure with { Kind = FailureKind.Interrupted } });
        journal.Record(An(OperationKind.Restore, at: 3)); // elsewhere
        journal.Record(An(OperationKind.Restore, at: 4) with { Failure = failure }); // refused before it began
        journal.Begin(Begun(OperationKind.Restore, 5) with { IsOverLive = true });

        Assert.Equal(failed, Assert.Single(journal.LastLiveRestoreOfEach()).Value);
    }

    [Fact]
    public void An_operation_whose_process_died_is_closed_by_the_next_one()
    {
        journal.Begin(Begun(OperationKind.Restore, 0));
        Assert.Null(journal.Last("itsm", OperationKind.Restore)!.EndedAt);
        Assert.Empty(journal.LastOfEach(OperationKind.Restore)); // it has not ended

        journal.Begin(Begun(OperationKind.Restore, 60));

        var died = journal.Since("itsm", Instant(0))[0];
        Assert.Equal((FailureKind.Died, Instant(0)), (died.Failure!.Kind, died.EndedAt!.Value)); // nothing of it is known after its start
        Assert.Equal(Instant(60), Assert.Single(journal.Open(OperationKind.Restore)).StartedAt);
    }

    [Fact]
    public void What_was_refused_beside_one_that_is_open_does_not_close_it()
    {
        var open = journal.Begin(Begun(OperationKind.Restore, 0));
        journal.Record(An(OperationKind.Restore, at: 60));
        Assert.Equal(open, Assert.Single(journal.Open(OperationKind.Restore)).Id);
    }

    [Fact]
    public void The_last_that_ended_is_not_the_one_that_is_under_way()
    {
        var ended = journal.Record(An(OperationKind.Drill, at: 0));
        journal.Begin(Begun(OperationKind.Drill, 60));
        journal.Record(An(OperationKind.Hook, at: 70));

        Assert.Equal(ended, Assert.Single(journal.LastOfEach(OperationKind.Drill)).Value);
    }

    [Theory]
    [InlineData(OperationJournal.LastOfKind)]
    [InlineData(OperationJournal.LastEndedOfEach)]
    [InlineData(OperationJournal.LastOverLiveOfEach)]
    [InlineData(OperationJournal.LastSucceededOfEach)]
    [InlineData(OperationJournal.OpenOfKind)]
    public void Asking_for_the_last_or_the_open_one_goes_through_no_year_of_operations(string query)
    {
        var plan = database.Read(transaction => JournalSql.Query(
            transaction, $"EXPLAIN QUERY PLAN {query}", row => row.GetString(3), ("$source", "itsm"), ("$kind", OperationKind.Drill.Word()), ("$store", null)));

        Assert.Contains(plan, step => step.Contains("(kind=? AND source=?)", StringComparison.Ordinal) || step.Contains("operations_open", StringComparison.Ordinal));
        Assert.DoesNotContain(plan, step => (step.StartsWith("SCAN operations", StringComparison.Ordinal) && !step.EndsWith("operations_open", StringComparison.Ordinal)) || step.Contains("TEMP B-TREE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_two_processes_keep_at_once_without_a_lock_is_all_kept_and_nothing_counts_as_died()
    {
        using var another = JournalDatabase.Open(temp.Path, Some.Instant, out _);

        await Task.WhenAll(new[] { journal, new OperationJournal(another) }.Select(each => Task.Run(() =>
        {
            for (var i = 0; i < 50; i++)
                each.Record(An(OperationKind.Hook, at: i));
        })));

        Assert.Equal(new Dictionary<(string, string), long> { [("itsm", "success")] = 100 }, journal.Counts(OperationKind.Hook));
    }

    [Fact]
    public void A_kind_that_is_under_way_does_not_close_another()
    {
        journal.Begin(Begun(OperationKind.Restore, 0));
        journal.Record(An(OperationKind.Verification, at: 1));
        Assert.Null(journal.Last("itsm", OperationKind.Restore)!.EndedAt);
    }

    [Fact]
    public void Counts_tell_results_apart_and_outlive_what_is_forgotten()
    {
        journal.Record(An(OperationKind.Drill, at: 0));
        journal.Record(An(OperationKind.Drill, at: 1) with { Failure = new RunFailure(FailureKind.Restore, "no", "mend") });
        var muchLater = Instant(0).AddDays(500);
        journal.Record(An(OperationKind.Drill, at: 0) with { StartedAt = muchLater, EndedAt = muchLater });

        Assert.Single(journal.Since("itsm", Instant(0)));
        Assert.Equal(2, journal.Counts(OperationKind.Drill)[("itsm", "success")]);
        Assert.Equal(1, journal.Counts(OperationKind.Drill)[("itsm", "failure")]);
    }

    [SkippableFact]
    public async Task A_full_disk_is_told_as_such()
    {
        await using var small = await SmallFileSystem.MountAsync("size=1m");
        using var full = JournalDatabase.Open(small.Path, Some.Instant, out _);
        var detail = new string('x', 100_000);

        var failure = Assert.Throws<BackupException>(() =>
        {
            for (var i = 0; i < 100; i++)
                new OperationJournal(full).Record(An(OperationKind.Restore, i) with { Detail = detail });
        });

        Assert.Equal(FailureKind.StateFull, failure.Kind);
        Assert.DoesNotContain("rollback", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Each size lets the opening fail at another statement.</summary>
    [SkippableFact]
    public async Task Opening_on_a_full_disk_tells_the_disk_and_no_consequence()
    {
        await using var small = await SmallFileSystem.MountAsync("size=1m");
        var refused = 0;
        for (var room = 0; room <= 160; room += 4)
        {
            foreach (var file in Directory.GetFiles(small.Path))
                File.Delete(file);
            await Shell.TryAsync("dd", "if=/dev/zero", $"of={small.Path}/fill", "bs=4k");
            await Shell.RunAsync("truncate", "-s", $"-{room}K", small.Path + "/fill");
            try
            {
                JournalDatabase.Open(small.Path, Some.Instant, out _).Dispose();
            }
            catch (BackupException failure)
            {
                refused++;
                Assert.Equal(FailureKind.StateFull, failure.Kind);
                Assert.EndsWith("disk is full", failure.Message, StringComparison.Ordinal);
                Assert.Contains("df -h", failure.Hint, StringComparison.Ordinal);
            }
        }

        Assert.InRange(refused, 5, 40);
    }

    [Fact]
    public void What_stands_in_for_a_journal_tells_the_past_and_refuses_to_write()
    {
        var before = journal.Record(An(OperationKind.Drill, at: 0));
        database.Dispose();
        using var standIn = JournalDatabase.StandIn(temp.Path, new BackupException(FailureKind.Journal, "no room", "make some"));

        Assert.Equal(before, new OperationJournal(standIn).Last("itsm", OperationKind.Drill));
        Assert.Equal("no room", Assert.Throws<BackupException>(() => new OperationJournal(standIn).Record(before)).Message);
    }

    private static Operation An(OperationKind kind, int at) =>
        new(0, "itsm", kind, Instant(at), Instant(at + 5), Backup: null, "of daily_20260214_020000.db.gz", Failure: null);

    private static Operation Begun(OperationKind kind, int at) => Operation.Begun("itsm", kind, Instant(at), "of a to b");

    private static DateTimeOffset Instant(int seconds) => Some.Instant.AddSeconds(seconds);
}
