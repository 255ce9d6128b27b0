using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Scheduling;

/// <summary>When the scheduler last looked at its schedules, here and in the journal, which that proves to be writable.</summary>
internal sealed class Heartbeat(OperationJournal journal)
{
    /// <summary>UTC.</summary>
    public DateTimeOffset Last { get; private set; }

    /// <summary>Why the journal can't be written; null while it can.</summary>
    public string? JournalFailure { get; private set; }

    /// <summary>Counts from here without a word to the journal.</summary>
    public void StartAt(DateTimeOffset now) => Last = now;

    /// <returns>Why the journal can't be written, when that is news; null when it can, or could not the last time either.</returns>
    public BackupException? Beat(DateTimeOffset now)
    {
        Last = now;
        try
        {
            journal.Beat(now);
            JournalFailure = null;
            return null;
        }
        catch (BackupException failure)
        {
            var isNews = JournalFailure is null;
            JournalFailure = failure.Message;
            return isNews ? failure : null;
        }
    }
}
