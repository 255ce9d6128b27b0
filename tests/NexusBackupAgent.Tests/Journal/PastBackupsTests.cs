using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Journal;

/// <summary>What the journal tells a report about runs that are over.</summary>
public sealed class PastBackupsTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly OperationJournal journal;

    public PastBackupsTests() => journal = new OperationJournal(JournalDatabase.Open(temp["state"], Some.Instant, out _));

    public void Dispose()
    {
        journal.Dispose();
        temp.Dispose();
    }

    [Fact]
    public void A_row_of_failures_goes_back_to_the_success_before_it()
    {
        Run(hours: 0, FailureKind.Io);
        Run(hours: 1, failure: null);
        Run(hours: 2, FailureKind.Io);
        Run(hours: 3, FailureKind.Interrupted); // somebody stopped it: no failure of the source
        Run(hours: 4, FailureKind.StoreFull);

        Assert.Equal([2.0, 4.0], Hours(journal.LastFailures("itsm")));

        Run(hours: 5, failure: null);
        Assert.Equal([2.0, 4.0], Hours(journal.LastFailures("itsm")));
        Assert.Empty(journal.LastFailures("other"));
    }

    [Fact]
    public void Runs_are_told_from_an_instant_on_with_their_outcome()
    {
        Run(hours: 0, FailureKind.Io);
        Run(hours: 1, failure: null);
        Run(hours: 2, FailureKind.Io);
        journal.Begin(Operation.BegunBackup("itsm", "manual", BackupType.Full, Some.Instant.AddHours(3)));

        var runs = journal.Since("itsm", Some.Instant.AddHours(1));

        Assert.Equal([1.0, 2.0, 3.0], Hours(runs));
        Assert.Equal([RunResult.Success, RunResult.Failure, null], runs.Select(run => run.Result));
        Assert.Equal(FailureKind.Io, runs[1].Failure!.Kind);
        Assert.Equal(("manual", null), (runs[2].Schedule, runs[2].EndedAt));
    }

    [Fact]
    public void Failed_attempts_are_told_newest_first_and_no_more_than_asked()
    {
        for (var hour = 0; hour < 5; hour++)
            Run(hour, FailureKind.Io);

        Assert.Equal([4.0, 3.0], journal.FailedAttempts("itsm", most: 2).Select(attempt => (attempt.At - Some.Instant).TotalHours));
    }

    private static IEnumerable<double> Hours(IReadOnlyList<Operation> runs) => runs.Select(run => (run.StartedAt - Some.Instant).TotalHours);

    private void Run(double hours, FailureKind? failure)
    {
        var at = Some.Instant.AddHours(hours);
        var why = failure is { } kind ? new RunFailure(kind, "it failed", "look") : null;
        var begun = Operation.BegunBackup("itsm", "daily", BackupType.Full, at);
        journal.End(begun with { Id = journal.Begin(begun), EndedAt = at, Failure = why }, new Attempt(1, at, at, why));
    }
}
