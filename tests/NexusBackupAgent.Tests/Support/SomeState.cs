using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>The state of a source from values: who only decides from it never asks the source or the store themselves.</summary>
internal static class SomeState
{
    /// <summary>Of a source that is well protected but for what is given: a day to warn, two to be critical, a disk that is nearly empty.</summary>
    /// <param name="backups">Null: they can't be listed.</param>
    public static SourceState Of(IReadOnlyList<Backup>? backups, DateTimeOffset now) => Of(
        new ScheduledSource(Source(new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal)), [], TimeSpan.FromHours(24), TimeSpan.FromHours(48)), backups, now);

    public static SourceState Of(ScheduledSource source, IReadOnlyList<Backup>? backups, DateTimeOffset now) => new(
        source,
        new SourceListing(backups, backups is null ? new BackupException(FailureKind.StoreUnavailable, "away", "mount it") : null),
        new SourceRecords(),
        Store(usedPercent: 10),
        now)
    {
        IsAgentRunning = true,
    };

    public static ProtectedSource Source(IReadOnlyDictionary<string, RetentionPeriod> retention) =>
        new("itsm", Source: null!, Catalog: null!, retention, TimeZoneInfo.Utc, Compression: 6, TimeLimit: TimeSpan.FromHours(6), Attempts: 1, RetryDelay: TimeSpan.Zero);

    public static StoreStatus Store(double usedPercent, BackupException? failure = null)
    {
        var available = (long)Math.Round(1000 - (usedPercent * 10));
        return new StoreStatus("local", "/b", new StoreSpace(1000, available, available), failure);
    }

    /// <summary>With what the journal has of it.</summary>
    public static SourceState With(this SourceState state, Func<SourceRecords, SourceRecords> change) => state with { Records = change(state.Records) };

    /// <summary>With a retention that keeps one day, and so many backups that should be gone.</summary>
    /// <param name="old">Makes a backup of an age in hours.</param>
    public static SourceState WithOverdue(this SourceState state, int overdue, Func<double, Backup> old)
    {
        const string Schedule = "old";
        var kept = overdue == 0 ? 0 : overdue + 1; // the newest of a schedule stays
        var backups = Enumerable.Range(0, kept).Select(index => old(700 + index)).Select(backup => backup with { Manifest = backup.Manifest with { Schedule = Schedule } });
        var source = Source(new Dictionary<string, RetentionPeriod>(StringComparer.Ordinal) { [Schedule] = RetentionPeriod.Parse("1d") });
        return state with
        {
            Source = state.Source with { Source = source },
            Listing = state.Listing with { Backups = [.. state.Listing.Backups ?? [], .. backups] },
        };
    }

    /// <summary>What a journal has, read as the agent reads it.</summary>
    public static JournalRecords Records(OperationJournal journal, RestoreHistory restores) =>
        new StateReader(journal, restores, new Dictionary<string, IBackupStore>(StringComparer.Ordinal), new StoreMarks("", Some.Clock), stateDirectory: "", Some.Clock).ReadRecords();

    public static SourceActivity Activity(DateTimeOffset addedAt, int failures = 0, DateTimeOffset? runStartedAt = null) =>
        new(addedAt, LastRunAt: null, LastRunSucceeded: false, failures, runStartedAt, CaptureSeconds: 0, VerifySeconds: 0, PruneSeconds: 0);

    /// <summary>Something that ended at an instant.</summary>
    public static Operation Ended(OperationKind kind, DateTimeOffset at, bool failed) =>
        new(0, "itsm", kind, at, at, Backup: null, "", failed ? new RunFailure(FailureKind.Restore, "no", "look") : null);
}
