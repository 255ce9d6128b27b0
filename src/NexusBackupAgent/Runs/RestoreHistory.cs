namespace NexusBackupAgent.Runs;

/// <summary>
/// How the restores of each source went. Only here is decided which of them died: a restore holds a lock of its own while it
/// lives, and the kernel drops that with its process, however it ends; so one that the journal has open and whose lock is
/// free died, and failed. The source's lock would not tell: a backup may hold it by then.
/// </summary>
internal sealed class RestoreHistory(OperationJournal operations, string stateDirectory, TimeProvider timeProvider)
{
    // Who asks whether it is held has it for an instant.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Takes a restore's lock, then journals that it began; one of that source which is open until then died.</summary>
    /// <param name="source">The source's name. The caller holds its turn.</param>
    /// <returns>To be disposed once the journal has its end.</returns>
    /// <exception cref="Common.BackupException">Neither: the lock or the journal can't be written.</exception>
    public async Task<BegunRestore> BeginAsync(string source, DateTimeOffset now, string detail, CancellationToken cancellationToken)
    {
        var alive = await RunLock.AcquireAsync(stateDirectory, LockOf(source), Patience, timeProvider, cancellationToken) ?? throw SourceTurns.Busy(source);
        try
        {
            return new BegunRestore(operations.Begin(source, OperationKind.Restore, now, detail), alive);
        }
        catch
        {
            alive.Dispose();
            throw;
        }
    }

    /// <summary>The restores that died and that no later one of their source followed.</summary>
    /// <exception cref="Common.BackupException">The journal can't be read, or a lock not be looked at.</exception>
    public IReadOnlyList<Operation> Died()
    {
        var silent = operations.Open(OperationKind.Restore).Where(open => !RunLock.IsHeld(stateDirectory, LockOf(open.Source))).Select(open => open.Id).ToHashSet();
        // It may have ended between the two looks; its end is journalled before its lock is given back.
        return silent.Count == 0 ? [] : [.. operations.Open(OperationKind.Restore).Where(open => silent.Contains(open.Id)).Select(open => open.Died())];
    }

    /// <summary>The newest restore over its live database that ended or died, of every source that had one, by source. What was stopped on purpose says nothing.</summary>
    /// <exception cref="Common.BackupException">As <see cref="Died"/>.</exception>
    public IReadOnlyDictionary<string, Operation> LastOverLiveOfEach() => operations.LastLiveRestoreOfEach().Values
        .Concat(Died().Where(died => died.IsOverLive))
        .GroupBy(restore => restore.Source, StringComparer.Ordinal)
        .ToDictionary(restores => restores.Key, restores => restores.MaxBy(restore => restore.Id)!, StringComparer.Ordinal);

    /// <summary>In a directory of its own, so that it is no source's lock.</summary>
    private static string LockOf(string source) => Path.Combine(".restores", source);
}

/// <summary>A restore that the journal has open. Whoever holds this lives.</summary>
/// <param name="Id">The journal's number.</param>
internal sealed record BegunRestore(long Id, RunLock Alive) : IDisposable
{
    public void Dispose() => Alive.Dispose();
}
