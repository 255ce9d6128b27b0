using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>
/// What happened: every operation, the attempts of backups, and the counters that the metrics export. It knows nothing of
/// backups that the store does not say, so losing it loses none.
/// </summary>
internal sealed class OperationJournal(JournalDatabase database) : IDisposable
{
    private const string Columns = OperationRows.Columns;

    internal const string LastOfKind = $"SELECT {Columns} FROM operations WHERE source = $source AND kind = $kind AND store IS $store ORDER BY id DESC LIMIT 1";

    // Whoever ended one is in the counts: looking up the last of each costs nothing, going through a year of them does.
    internal const string LastEndedOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = $kind AND source = counted.source AND store IS NULL AND ended_at IS NOT NULL AND (failure IS NOT 'Interrupted' OR kind = 'hook') ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = $kind)
        """;

    internal const string LastSucceededOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = $kind AND source = counted.source AND store IS NULL AND result = 'success' ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = $kind AND result = 'success')
        """;

    internal const string LastOverLiveOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = $kind AND source = counted.source AND ended_at IS NOT NULL AND failure IS NOT 'Interrupted' AND over_live ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = $kind)
        """;

    internal const string LastCopyOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = 'copy' AND source = counted.source AND store = counted.schedule AND ended_at IS NOT NULL AND failure IS NOT 'Interrupted' ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = 'copy')
        """;

    // By name, because SQLite prefers the index of the kind: a year of them instead of the few that are open.
    internal const string OpenOfKind = $"SELECT {Columns} FROM operations INDEXED BY operations_open WHERE kind = $kind AND ended_at IS NULL";

    /// <summary>Checks that wait to be counted with the next entry.</summary>
    private readonly ConcurrentQueue<(string Source, CheckResult Check)> uncounted = [];

    /// <summary>Notes since when a source is known. Of several instants the earliest counts.</summary>
    /// <returns>That one, UTC.</returns>
    public DateTimeOffset AddSource(string source, DateTimeOffset at) => database.Transact(transaction => AddSource(transaction, source, at));

    /// <summary>Notes since when sources are known, in one step: a disk that is asked to flush for each of a thousand takes half a minute when others use it.</summary>
    public void AddSources(IReadOnlyCollection<string> sources, DateTimeOffset at) => database.Transact(transaction =>
    {
        foreach (var source in sources)
            AddSource(transaction, source, at);
        return sources.Count;
    });

    /// <summary>
    /// Notes the schedules of a source as they are configured now. One that is new is known since its oldest backup, if that
    /// is older than now; one whose cron text changed, since now; one whose retention changed, since what the old one would
    /// have kept until now, because the rest may be pruned; one that is no longer configured is forgotten.
    /// </summary>
    /// <param name="zone">The calendar of months and years.</param>
    public void NoteSchedules(string source, IReadOnlyList<NotedSchedule> schedules, DateTimeOffset now, TimeZoneInfo zone) =>
        database.Transact(transaction => NotedSchedule.Replace(transaction, source, schedules, now, zone));

    /// <summary>Opens an operation. The caller holds the source's lock, so one of that kind that is still open died with its process and is closed as failed.</summary>
    /// <param name="operation">As it begins.</param>
    /// <param name="judge">How one that is still open ended, where its caller knows better; null: it died.</param>
    /// <returns>The operation's number.</returns>
    public long Begin(Operation operation, Func<Operation, Operation>? judge = null)
    {
        var id = Write(transaction =>
        {
            OperationRows.CloseOpen(transaction, operation.Source, operation.Kind, judge ?? (open => open.Died(operation.StartedAt)), operation.Store);
            if (operation.Kind == OperationKind.Backup)
                OperationRows.TellSourceBegun(transaction, operation);
            return OperationRows.Add(transaction, operation);
        });
        operation.Asker?.Noted?.Invoke(id);
        return id;
    }

    /// <summary>Keeps an attempt of an open backup that another one follows.</summary>
    public void Record(long operation, Attempt attempt) => Write(transaction =>
    {
        OperationRows.Add(transaction, operation, attempt);
        return 0;
    });

    /// <summary>Closes an operation and counts it.</summary>
    /// <param name="operation">As it ended; its <see cref="Operation.EndedAt"/> is set.</param>
    /// <param name="last">Of a backup: its last attempt; null when it made none since the last that was kept.</param>
    /// <param name="stages">Of a backup that succeeded.</param>
    public void End(Operation operation, Attempt? last = null, StageSeconds? stages = null) => Write(transaction =>
    {
        if (last is not null)
            OperationRows.Add(transaction, operation.Id, last);
        OperationRows.Close(transaction, operation);
        if (stages is not null)
            OperationRows.Keep(transaction, operation.Source, stages);
        return 0;
    });

    /// <summary>Keeps an operation that has ended already, and counts it; in one step, because its caller need not hold the source's lock.</summary>
    /// <returns>The same with its number.</returns>
    public Operation Record(Operation operation)
    {
        var recorded = Write(transaction =>
        {
            var recorded = operation with { Id = OperationRows.Add(transaction, operation) };
            OperationRows.Close(transaction, recorded);
            return recorded;
        });
        operation.Asker?.Noted?.Invoke(recorded.Id);
        return recorded;
    }

    /// <summary>
    /// Counts the checks of a reading, with the next entry of any operation: the one that read has one to make, and a disk
    /// need not flush twice. A process that dies before that loses the count, and nothing else.
    /// </summary>
    public void Count(string source, VerificationResult result)
    {
        foreach (var check in result.Checks)
            uncounted.Enqueue((source, check));
    }

    /// <summary>Whether a backup of the source is under way, or its process died.</summary>
    public bool HasOpenBackup(string source) => database.Read(transaction => Query(
        transaction, "SELECT 1 FROM operations INDEXED BY operations_open WHERE source = $source AND kind = 'backup' AND ended_at IS NULL LIMIT 1", row => row.GetInt64(0), ("$source", source)).Count > 0);

    /// <summary>Closes the backups of a source whose process died. The caller holds the source's lock.</summary>
    /// <returns>How many there were.</returns>
    public int CloseAbandoned(string source, DateTimeOffset now) => Write(transaction =>
        OperationRows.CloseOpen(transaction, source, OperationKind.Backup, open => open.Died(now)));

    /// <summary>Proves that the journal can be written.</summary>
    public void Beat(DateTimeOffset now) => database.Transact(transaction =>
        Execute(transaction, "INSERT INTO heartbeat VALUES (1, $at) ON CONFLICT DO UPDATE SET at = $at", ("$at", Milliseconds(now))));

    /// <summary>When an agent last proved that, UTC; null when none ever ran here.</summary>
    public DateTimeOffset? LastBeat() => database.Read(transaction =>
        Query(transaction, "SELECT at FROM heartbeat", row => Instant(row, 0)).FirstOrDefault());

    /// <summary>The operations of a kind that were begun and did not end, of all sources: under way, or their process died.</summary>
    public IReadOnlyList<Operation> Open(OperationKind kind) => database.Read(transaction => OperationRows.Open(transaction, kind));

    /// <summary>The newest operation of a kind, ended or not.</summary>
    /// <param name="store">In this further store; null: what belongs to the first one, or to none.</param>
    public Operation? Last(string source, OperationKind kind, string? store = null) =>
        Find(LastOfKind, ("$source", source), ("$kind", kind.Word()), ("$store", store)).FirstOrDefault();

    /// <summary>The newest operation of a kind that ended, of every source that had one, by source; in further stores none counts. Skips what somebody stopped. A stopped hook counts: it told nobody.</summary>
    public IReadOnlyDictionary<string, Operation> LastOfEach(OperationKind kind) => BySource(LastEndedOfEach, kind);

    /// <summary>The newest operation of a kind that succeeded, of every source that had one, by source; in further stores none counts.</summary>
    public IReadOnlyDictionary<string, Operation> LastSuccessOfEach(OperationKind kind) => BySource(LastSucceededOfEach, kind);

    /// <summary>The newest restore over its live source that began and ended, of every source that had one, by source. What was stopped on purpose says nothing.</summary>
    public IReadOnlyDictionary<string, Operation> LastLiveRestoreOfEach() => BySource(LastOverLiveOfEach, OperationKind.Restore);

    /// <summary>What was done to a source from an instant on, oldest first; skipped backups and what is under way included.</summary>
    public IReadOnlyList<Operation> Since(string source, DateTimeOffset from) =>
        Find($"SELECT {Columns} FROM operations WHERE source = $source AND started_at >= $from ORDER BY id", ("$source", source), ("$from", Milliseconds(from)));

    /// <summary>The operation of a number.</summary>
    /// <returns>Null when there is none, or it is older than what is kept.</returns>
    public Operation? Find(long id) => Find($"SELECT {Columns} FROM operations WHERE id = $id", ("$id", id)).FirstOrDefault();

    /// <summary>The newest operations, newest first; hooks and self-tests are none that a person looks for.</summary>
    /// <param name="source">Of this source; null: of all.</param>
    /// <param name="kind">Of this kind; null: of all.</param>
    /// <param name="before">Only those with a smaller number.</param>
    public IReadOnlyList<Operation> Newest(string? source, OperationKind? kind, int most, long before = long.MaxValue) => Find(
        $"""
        SELECT {Columns} FROM operations WHERE id < $before AND source = coalesce($source, source)
            AND kind = coalesce($kind, kind) AND kind IN ('backup', 'verification', 'restore', 'drill', 'prune', 'quarantine', 'acceptance', 'copy') ORDER BY id DESC LIMIT $most
        """,
        ("$source", source), ("$kind", kind?.Word()), ("$before", before), ("$most", most));

    /// <summary>The newest operations that somebody asked for, newest first.</summary>
    public IReadOnlyList<Operation> Asked(int most, long before = long.MaxValue) => Find(
        $"SELECT {Columns} FROM operations INDEXED BY operations_asked WHERE asked_by IS NOT NULL AND id < $before ORDER BY id DESC LIMIT $most", ("$before", before), ("$most", most));

    /// <summary>The attempts of a backup that are kept, in order.</summary>
    public IReadOnlyList<Attempt> Attempts(long operation) => database.Read(transaction => Query(
        transaction,
        "SELECT attempt, started_at, ended_at, failure, message, hint FROM attempts WHERE operation_id = $operation ORDER BY attempt",
        row => new Attempt(row.GetInt32(0), Instant(row, 1)!.Value, Instant(row, 2)!.Value, Failure(row, 3)),
        ("$operation", operation)));

    /// <summary>When the source's backups ended from an instant on, oldest first, and how; those that were skipped or stopped on purpose are none.</summary>
    public IReadOnlyList<(DateTimeOffset At, bool Succeeded)> EndedBackups(string source, DateTimeOffset from) => database.Read(transaction => Query(
        transaction,
        """
        SELECT started_at, result IS 'success' FROM operations WHERE kind = 'backup' AND source = $source AND started_at >= $from
            AND result IN ('success', 'failure') AND failure IS NOT 'Interrupted' ORDER BY started_at
        """,
        row => (Instant(row, 0)!.Value, row.GetBoolean(1)),
        ("$source", source), ("$from", Milliseconds(from))));

    /// <summary>The runs that made a backup of the source, oldest first, without those whose backup is known to be set aside, or was accepted as deleted.</summary>
    /// <param name="evenTold">Whether those count that a verification found gone: it told so.</param>
    public IReadOnlyList<Operation> Made(string source, bool evenTold = false) => Find(
        $"""
        SELECT {Columns} FROM operations WHERE kind = 'backup' AND source = $source AND result = 'success' AND backup_id IS NOT NULL AND backup_id NOT IN (
            SELECT backup_id FROM operations WHERE source = $source AND backup_id IS NOT NULL AND store IS NULL
                AND (kind IN ('quarantine', 'acceptance') AND result = 'success' OR NOT $told AND kind = 'verification' AND failure = 'NotFound')) ORDER BY id
        """,
        ("$source", source), ("$told", evenTold));

    /// <summary>The newest copying to each store that ended, by source and store. Skips what somebody stopped.</summary>
    public IReadOnlyDictionary<(string Source, string Store), Operation> LastCopies() => Find(LastCopyOfEach).ToDictionary(copy => (copy.Source, copy.Store!));

    /// <summary>The copying to a store before an operation; null when there was none. Skips what somebody stopped.</summary>
    public Operation? LastCopy(string source, string store, long before) => Find(
        $"SELECT {Columns} FROM operations WHERE source = $source AND kind = 'copy' AND store = $store AND id < $before AND failure IS NOT 'Interrupted' ORDER BY id DESC LIMIT 1",
        ("$source", source), ("$store", store), ("$before", before)).FirstOrDefault();

    /// <summary>How often copying to each store ended, by source, store and result (<c>success</c>, <c>failure</c>); survives restarts.</summary>
    public IReadOnlyDictionary<(string Source, string Store, string Result), long> CopyCounts() => database.Read(transaction => Query(
        transaction, "SELECT source, schedule, result, count FROM operation_counts WHERE kind = 'copy'", row => (Key: (row.GetString(0), row.GetString(1), row.GetString(2)), Count: row.GetInt64(3)))
        .ToDictionary(row => row.Key, row => row.Count));

    /// <summary>Keeps how long the copying of a source took.</summary>
    public void KeepCopy(string source, double seconds) => Write(transaction =>
    {
        OperationRows.KeepCopy(transaction, source, seconds);
        return 0;
    });

    /// <summary>How many operations of a kind ended, by source and result (<c>success</c>, <c>failure</c>); survives restarts.</summary>
    public IReadOnlyDictionary<(string Source, string Result), long> Counts(OperationKind kind) => database.Read(transaction => Query(
        transaction, "SELECT source, result, sum(count) FROM operation_counts WHERE kind = $kind GROUP BY source, result", row => (Key: (row.GetString(0), row.GetString(1)), Count: row.GetInt64(2)), ("$kind", kind.Word()))
        .ToDictionary(row => row.Key, row => row.Count));

    /// <summary>When the last backup of a schedule started that was not skipped or interrupted, UTC.</summary>
    public DateTimeOffset? LastStarted(string source, string schedule) => database.Read(transaction => Query(
        transaction,
        """
        SELECT max(started_at) FROM operations WHERE kind = 'backup' AND source = $source AND schedule = $schedule
            AND result IN ('success', 'failure') AND failure IS NOT 'Interrupted' AND failure IS NOT 'Died'
        """,
        row => Instant(row, 0),
        ("$source", source), ("$schedule", schedule))[0]);

    /// <summary>When the source's last backups started, on any schedule, newest first, UTC, and whether they succeeded. One that was skipped never started; one that was stopped on purpose does not count.</summary>
    public IReadOnlyList<(DateTimeOffset At, bool Succeeded)> LastStarts(string source, int count, BackupType? type = null) => database.Read(transaction => Query(
        transaction,
        """
        SELECT started_at, result IS 'success' FROM operations WHERE kind = 'backup' AND source = $source
            AND result IS NOT 'skipped' AND failure IS NOT 'Interrupted' AND type = coalesce($type, type) ORDER BY id DESC LIMIT $count
        """,
        row => (Instant(row, 0)!.Value, row.GetBoolean(1)),
        ("$source", source), ("$type", type?.Word()), ("$count", count)));

    /// <summary>Why the source's last backup failed; null when it succeeded or none ended.</summary>
    public RunFailure? LastFailure(string source) =>
        Find($"SELECT {Columns} FROM operations WHERE kind = 'backup' AND source = $source AND result IN ('success', 'failure') ORDER BY id DESC LIMIT 1", ("$source", source)).FirstOrDefault()?.Failure;

    /// <summary>The backups of the source's last row of failures, oldest first: those under way or past, back to the success before them. None when it never failed.</summary>
    public IReadOnlyList<Operation> LastFailures(string source) => Find(
        $"""
        SELECT {Columns} FROM operations WHERE kind = 'backup' AND source = $source AND result = 'failure' AND failure IS NOT 'Interrupted'
            AND id > coalesce((SELECT max(id) FROM operations WHERE kind = 'backup' AND source = $source AND result = 'success'
                AND id < (SELECT max(id) FROM operations WHERE kind = 'backup' AND source = $source AND result = 'failure' AND failure IS NOT 'Interrupted')), 0) ORDER BY id
        """,
        ("$source", source));

    /// <summary>Why backups of the source became full although something else was asked for, by backup; those that are remembered.</summary>
    public IReadOnlyDictionary<BackupId, string> FullBecause(string source) => database.Read(transaction => Query(
        transaction,
        "SELECT backup_id, full_because FROM operations WHERE kind = 'backup' AND source = $source AND backup_id IS NOT NULL AND full_because IS NOT NULL",
        row => (Backup: new BackupId(row.GetString(0)), Reason: row.GetString(1)),
        ("$source", source)).ToDictionary(made => made.Backup, made => made.Reason));

    /// <summary>The newest attempts that failed, newest first.</summary>
    public IReadOnlyList<(DateTimeOffset At, RunFailure Failure)> FailedAttempts(string source, int most) => database.Read(transaction => Query(
        transaction,
        """
        SELECT attempts.ended_at, attempts.failure, attempts.message, attempts.hint FROM attempts JOIN operations ON operations.id = operation_id
        WHERE source = $source AND attempts.failure IS NOT NULL ORDER BY operation_id DESC, attempt DESC LIMIT $most
        """,
        row => (Instant(row, 0)!.Value, Failure(row, 1)!),
        ("$source", source), ("$most", most)));

    /// <summary>All figures at once.</summary>
    public JournalSnapshot Read() => database.Read(JournalSnapshot.Read);

    public void Dispose() => database.Dispose();

    /// <summary>What is noted already is not written again: that would wait for the disk.</summary>
    private static DateTimeOffset AddSource(SqliteTransaction transaction, string source, DateTimeOffset at)
    {
        Execute(
            transaction,
            "INSERT INTO sources (name, added_at) VALUES ($name, $at) ON CONFLICT DO UPDATE SET added_at = $at WHERE added_at > $at",
            ("$name", source), ("$at", Milliseconds(at)));
        return Query(transaction, "SELECT added_at FROM sources WHERE name = $name", row => Instant(row, 0)!.Value, ("$name", source))[0];
    }

    /// <summary>One entry, with the checks that wait to be counted.</summary>
    private T Write<T>(Func<SqliteTransaction, T> work)
    {
        var checks = new List<(string Source, CheckResult Check)>();
        while (uncounted.TryDequeue(out var check))
            checks.Add(check);
        try
        {
            return database.Transact(transaction =>
            {
                foreach (var (source, check) in checks)
                    OperationRows.Count(transaction, source, check);
                return work(transaction);
            });
        }
        catch
        {
            foreach (var check in checks)
                uncounted.Enqueue(check);
            throw;
        }
    }

    private List<Operation> Find(string sql, params (string Name, object? Value)[] parameters) =>
        database.Read(transaction => Query(transaction, sql, OperationRows.Read, parameters));

    private Dictionary<string, Operation> BySource(string sql, OperationKind kind) =>
        Find(sql, ("$kind", kind.Word())).ToDictionary(operation => operation.Source, StringComparer.Ordinal);
}
