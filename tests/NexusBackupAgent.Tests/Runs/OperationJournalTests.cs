using NexusBackupAgent.Common;
using NexusBackupAgent.Runs;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runs;

public sealed class OperationJournalTests : IDisposable
{
    private readonly TempDirectory home = new();
    private readonly List<JournalDatabase> databases = [];

    public void Dispose()
    {
        databases.ForEach(database => database.Dispose());
        home.Dispose();
    }

    [Fact]
    public async Task What_two_processes_keep_at_once_without_a_lock_is_all_kept_and_nothing_counts_as_died()
    {
        var journals = new[] { Open(), Open() };

        await Task.WhenAll(journals.Select(journal => Task.Run(() =>
        {
            for (var i = 0; i < 50; i++)
                journal.Record(Ended(OperationKind.Hook));
        })));

        Assert.Equal(new Dictionary<(string, string), long> { [("itsm", "success")] = 100 }, journals[0].Counts(OperationKind.Hook));
    }

    [Fact]
    public void The_last_that_ended_is_not_the_one_that_is_under_way()
    {
        var journal = Open();
        var ended = journal.Record(Ended(OperationKind.Drill));
        journal.Begin("itsm", OperationKind.Drill, Some.Instant.AddHours(1), "practising");
        journal.Record(Ended(OperationKind.Hook));

        Assert.Equal(ended, journal.LastEnded("itsm", OperationKind.Drill));
        Assert.Null(journal.LastEnded("other", OperationKind.Drill));
    }

    [Fact]
    public void One_that_died_with_its_process_is_closed_by_the_next()
    {
        var journal = Open();
        journal.Begin("itsm", OperationKind.Drill, Some.Instant, "practising");
        journal.Begin("itsm", OperationKind.Drill, Some.Instant.AddHours(1), "practising");

        Assert.Equal(FailureKind.Died, journal.LastEnded("itsm", OperationKind.Drill)!.Failure!.Kind);
    }

    private static Operation Ended(OperationKind kind) => new(0, "itsm", kind, Some.Instant, Some.Instant.AddSeconds(1), Backup: null, "told", Failure: null);

    private OperationJournal Open()
    {
        var database = JournalDatabase.Open(home["state"], Some.Instant, out _);
        databases.Add(database);
        return new OperationJournal(database);
    }
}
