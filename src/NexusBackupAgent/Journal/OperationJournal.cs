using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>What was done besides backing up: the measures taken that a report lists, and when what was last done (runbook §4).</summary>
internal sealed class OperationJournal(JournalDatabase database)
{
    // As runs are kept: a year of history and a month to look back on it.
    private static readonly TimeSpan History = TimeSpan.FromDays(400);

    private const string Columns = "id, source, kind, started_at, ended_at, backup_id, detail, failure, message, hint";

    internal const string LastOfKind = $"SELECT {Columns} FROM operations WHERE source = $source AND kind = $kind ORDER BY id DESC LIMIT 1";

    // Whoever ended one is in the counts: looking up the last of each costs nothing, going through a year of them does.
    internal const string LastEndedOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = $kind AND source = counted.source AND ended_at IS NOT NULL AND (failure IS NOT 'Interrupted' OR kind = 'hook') ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = $kind)
        """;

    internal const string LastSucceededOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = $kind AND source = counted.source AND ended_at IS NOT NULL AND failure IS NULL ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = $kind AND result = 'success')
        """;

    internal const string LastOverLiveOfEach = $"""
        SELECT {Columns} FROM operations WHERE id IN (
            SELECT (SELECT id FROM operations WHERE kind = $kind AND source = counted.source AND ended_at IS NOT NULL AND failure IS NOT 'Interrupted' AND detail LIKE '{Operation.OverLivePattern}' ORDER BY id DESC LIMIT 1)
            FROM operation_counts AS counted WHERE kind = $kind)
        """;

    // By name, because SQLite prefers the index of the kind: a year of them instead of the few that are open.
    internal const string OpenOfKind = $"SELECT {Columns} FROM operations INDEXED BY operations_open WHERE kind = $kind AND ended_at IS NULL";

    /// <summary>Opens an operation. The caller holds the source's lock, so one of that kind that is still open died with its process and is closed as failed.</summary>
    /// <param name="source">The source's name; empty for the agent as a whole.</param>
    /// <param name="judge">How one that is still open ended, where its caller knows better; null: it died.</param>
    /// <returns>The operation's number.</returns>
    public long Begin(string source, OperationKind kind, DateTimeOffset now, string detail, Func<Operation, Operation>? judge = null) => database.Transact(transaction =>
    {
        foreach (var open in Open(transaction, kind).Where(open => open.Source == source))
            Close(transaction, judge?.Invoke(open) ?? open.Died());
        return Add(transaction, source, kind, now, detail);
    });

    /// <summary>Closes an operation and counts it.</summary>
    /// <param name="operation">As it ended; its <see cref="Operation.EndedAt"/> is set.</param>
    public void End(Operation operation) => database.Transact(transaction => End(transaction, operation));

    /// <summary>Keeps an operation that has ended already, and counts it; in one step, because its caller need not hold the source's lock.</summary>
    /// <returns>The same with its number.</returns>
    public Operation Record(Operation operation) => database.Transact(transaction =>
    {
        var recorded = operation with { Id = Add(transaction, operation.Source, operation.Kind, operation.StartedAt, operation.Detail) };
        End(transaction, recorded);
        return recorded;
    });

    /// <summary>The operations of a kind that were begun and did not end, of all sources: under way, or their process died.</summary>
    public IReadOnlyList<Operation> Open(OperationKind kind) => database.Read(transaction => Open(transaction, kind));

    /// <summary>The newest operation of a kind, ended or not.</summary>
    public Operation? Last(string source, OperationKind kind) => database.Read(transaction => Query(
        transaction, LastOfKind, Read, ("$source", source), ("$kind", kind.Word())).FirstOrDefault());

    /// <summary>The newest operation of a kind that ended, of every source that had one, by source. What was stopped on purpose says nothing, and the one before it does; but a hook that was stopped told nobody.</summary>
    public IReadOnlyDictionary<string, Operation> LastOfEach(OperationKind kind) => database.Read(transaction => Query(
        transaction, LastEndedOfEach, Read, ("$kind", kind.Word()))
        .ToDictionary(operation => operation.Source, StringComparer.Ordinal));

    /// <summary>The newest operation of a kind that succeeded, of every source that had one, by source.</summary>
    public IReadOnlyDictionary<string, Operation> LastSuccessOfEach(OperationKind kind) => database.Read(transaction => Query(
        transaction, LastSucceededOfEach, Read, ("$kind", kind.Word()))
        .ToDictionary(operation => operation.Source, StringComparer.Ordinal));

    /// <summary>The newest restore over its live database that began and ended, of every source that had one, by source. What was stopped on purpose says nothing.</summary>
    public IReadOnlyDictionary<string, Operation> LastLiveRestoreOfEach() => database.Read(transaction => Query(
        transaction, LastOverLiveOfEach, Read, ("$kind", OperationKind.Restore.Word()))
        .ToDictionary(operation => operation.Source, StringComparer.Ordinal));

    /// <summary>What was done to a source from an instant on, oldest first.</summary>
    public IReadOnlyList<Operation> Since(string source, DateTimeOffset from) => database.Read(transaction => Query(
        transaction, $"SELECT {Columns} FROM operations WHERE source = $source AND started_at >= $from ORDER BY id", Read, ("$source", source), ("$from", Milliseconds(from))));

    /// <summary>How many operations of a kind ended, by source and result (<c>success</c>, <c>failure</c>); survives restarts.</summary>
    public IReadOnlyDictionary<(string Source, string Result), long> Counts(OperationKind kind) => database.Read(transaction => Query(
        transaction, "SELECT source, result, count FROM operation_counts WHERE kind = $kind", row => (Key: (row.GetString(0), row.GetString(1)), Count: row.GetInt64(2)), ("$kind", kind.Word()))
        .ToDictionary(row => row.Key, row => row.Count));

    private static List<Operation> Open(SqliteTransaction transaction, OperationKind kind) => Query(transaction, OpenOfKind, Read, ("$kind", kind.Word()));

    private static long Add(SqliteTransaction transaction, string source, OperationKind kind, DateTimeOffset now, string detail)
    {
        Execute(transaction, "DELETE FROM operations WHERE started_at < $before", ("$before", Milliseconds(now - History)));
        Execute(
            transaction,
            "INSERT INTO operations (source, kind, started_at, detail) VALUES ($source, $kind, $at, $detail)",
            ("$source", source), ("$kind", kind.Word()), ("$at", Milliseconds(now)), ("$detail", detail));
        return Query(transaction, "SELECT last_insert_rowid()", row => row.GetInt64(0))[0];
    }

    private static int End(SqliteTransaction transaction, Operation operation)
    {
        Execute(
            transaction,
            "UPDATE operations SET backup_id = $backup, detail = $detail WHERE id = $id",
            ("$backup", operation.Backup?.Value), ("$detail", operation.Detail), ("$id", operation.Id));
        Close(transaction, operation);
        return 0;
    }

    private static void Close(SqliteTransaction transaction, Operation operation)
    {
        var failure = operation.Failure;
        Execute(
            transaction,
            "UPDATE operations SET ended_at = $at, failure = $failure, message = $message, hint = $hint WHERE id = $id",
            ("$at", Milliseconds(operation.EndedAt!.Value)), ("$failure", failure?.Kind.ToString()), ("$message", failure?.Message), ("$hint", failure?.Hint), ("$id", operation.Id));
        Execute(
            transaction,
            "INSERT INTO operation_counts (source, kind, result, count) VALUES ($source, $kind, $result, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            ("$source", operation.Source), ("$kind", operation.Kind.Word()), ("$result", failure is null ? "success" : "failure"));
    }

    private static Operation Read(SqliteDataReader row) => new(
        row.GetInt64(0),
        row.GetString(1),
        Enum.Parse<OperationKind>(row.GetString(2), ignoreCase: true),
        Instant(row, 3)!.Value,
        Instant(row, 4),
        row.IsDBNull(5) ? null : new BackupId(row.GetString(5)),
        row.GetString(6),
        Failure(row, 7));
}
