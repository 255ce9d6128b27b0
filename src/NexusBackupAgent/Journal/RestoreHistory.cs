using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Journal;

/// <summary>
/// How the restores of each source went. Only here is decided which of them died: a restore holds a lock of its own while it
/// lives, and the kernel drops that with its process, however it ends; so one that the journal has open and whose lock is
/// free died, and failed. The source's lock would not tell: a backup may hold it by then. Unless it succeeded and only the
/// journal could not take that: then the lock's file is marked with its number, and it counts as what it is. Without that
/// mark, whatever became of the file, it failed: a restore is told as good on evidence only.
/// </summary>
internal sealed partial class RestoreHistory(OperationJournal journal, string stateDirectory, TimeProvider timeProvider, ILogger<RestoreHistory> logger)
{
    // Who asks whether it is held has it for an instant.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // The sources whose lock could not be looked at, so that each scrape does not say it again.
    private readonly ConcurrentDictionary<string, bool> unseen = new(StringComparer.Ordinal);

    /// <summary>Takes a restore's lock, then journals that it began; one of that source which is open until then has ended.</summary>
    /// <param name="restore">As it begins. The caller holds the turn of its source.</param>
    /// <returns>To be disposed once the journal has its end.</returns>
    /// <exception cref="BackupException">Neither: the lock or the journal can't be written.</exception>
    public async Task<BegunRestore> BeginAsync(Operation restore, CancellationToken cancellationToken)
    {
        var alive = await RunLock.AcquireAsync(stateDirectory, LockOf(restore.Source), Patience, timeProvider, cancellationToken) ?? throw RunLock.Busy(restore.Source);
        try
        {
            return new BegunRestore(journal.Begin(restore, Ended), alive);
        }
        catch
        {
            alive.Dispose();
            throw;
        }
    }

    /// <summary>How the restores went, in one look.</summary>
    /// <exception cref="BackupException">The journal can't be read.</exception>
    public PastRestores Read()
    {
        var silent = journal.Open(OperationKind.Restore).Where(open => !IsHeld(open.Source)).Select(open => open.Id).ToHashSet();
        // It may have ended between the two looks; its end is journalled, or its lock marked, before that is given back.
        List<Operation> ended = silent.Count == 0 ? [] : [.. journal.Open(OperationKind.Restore).Where(open => silent.Contains(open.Id)).Select(Ended)];
        var last = journal.LastLiveRestoreOfEach().Values
            .Concat(ended.Where(restore => restore.IsOverLive))
            .GroupBy(restore => restore.Source, StringComparer.Ordinal)
            .ToDictionary(restores => restores.Key, restores => restores.MaxBy(restore => restore.Id)!, StringComparer.Ordinal);
        return new PastRestores([.. ended.Where(restore => !restore.Succeeded)], last);
    }

    /// <summary>One that is open in the journal and held by nobody.</summary>
    private Operation Ended(Operation open) =>
        // A number may come again in a new journal, but not with an end before its start.
        MarkOf(open.Source) is { } mark && mark.Number == open.Id && mark.At >= open.StartedAt ? open with { EndedAt = mark.At } : open.Died(timeProvider.GetUtcNow());

    private (long Number, DateTimeOffset At)? MarkOf(string source)
    {
        try
        {
            return RunLock.MarkOf(stateDirectory, LockOf(source));
        }
        catch (BackupException)
        {
            return null;
        }
    }

    /// <summary>Whether the restore of a source lives. Where nobody can tell, it does: one lock that may not be opened must not cost everything else that is told.</summary>
    private bool IsHeld(string source)
    {
        try
        {
            var isHeld = RunLock.IsHeld(stateDirectory, LockOf(source));
            unseen.TryRemove(source, out _);
            return isHeld;
        }
        catch (BackupException refused)
        {
            if (unseen.TryAdd(source, true))
                RestoreUnseen(source, refused.Message, refused.Hint);
            return true;
        }
    }

    /// <summary>In a directory of its own, so that it is no source's lock.</summary>
    private static string LockOf(string source) => Path.Combine(".restores", source);

    [LoggerMessage(EventId = 1307, EventName = "restore_unseen", Level = LogLevel.Warning, Message = "restore of {Source} is taken for one at work, because nobody can tell: {Reason}. Next: {Hint}")]
    private partial void RestoreUnseen(string source, string reason, string hint);
}

/// <summary>How the restores went until one look at journal and locks.</summary>
/// <param name="Died">Those that died and that no later one of their source followed.</param>
/// <param name="LastOverLive">The newest restore over its live database that ended or died, of every source that had one, by source. What was stopped on purpose says nothing.</param>
internal sealed record PastRestores(IReadOnlyList<Operation> Died, IReadOnlyDictionary<string, Operation> LastOverLive);

/// <summary>A restore that the journal has open. Whoever holds this lives.</summary>
/// <param name="Id">The journal's number.</param>
internal sealed record BegunRestore(long Id, RunLock Alive) : IDisposable
{
    /// <summary>Keeps that it succeeded, where the journal could not.</summary>
    /// <param name="endedAt">UTC.</param>
    /// <exception cref="BackupException">Nor can this: it will be taken for one that died.</exception>
    public void KeepSuccess(DateTimeOffset endedAt) => Alive.Mark(Id, endedAt);

    public void Dispose() => Alive.Dispose();
}
