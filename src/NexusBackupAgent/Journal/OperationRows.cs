using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>How operations are written in the journal's tables and read back: the rows, their sources, the counters.</summary>
internal static class OperationRows
{
    // A year of history and a month to look back on it.
    private static readonly TimeSpan History = TimeSpan.FromDays(400);

    /// <summary>What <see cref="Read"/> reads.</summary>
    public const string Columns =
        "id, source, kind, started_at, ended_at, backup_id, detail, failure, message, hint, schedule, type, result, over_live, full_because, stored_bytes, content_bytes, brief, asked_by, asked_from, store";

    public static Operation Read(SqliteDataReader row) => new(
        row.GetInt64(0),
        row.GetString(1),
        Enum.Parse<OperationKind>(row.GetString(2), ignoreCase: true),
        Instant(row, 3)!.Value,
        Instant(row, 4),
        row.IsDBNull(5) ? null : new BackupId(row.GetString(5)),
        row.GetString(6),
        Failure(row, 7) is { } failure ? failure with { Brief = Text(row, 17) } : null)
    {
        Schedule = Text(row, 10),
        Type = row.IsDBNull(11) ? null : Enum.Parse<BackupType>(row.GetString(11), ignoreCase: true),
        IsSkipped = Text(row, 12) == RunResult.Skipped.Word(),
        IsOverLive = row.GetBoolean(13),
        FullBecause = Text(row, 14),
        StoredBytes = row.IsDBNull(15) ? null : row.GetInt64(15),
        ContentBytes = row.IsDBNull(16) ? null : row.GetInt64(16),
        Asker = Text(row, 18) is { } user ? new Asker(user, Text(row, 19)) : null,
        Store = Text(row, 20),
    };

    /// <summary>Adds an operation that has not ended, and forgets those of long ago.</summary>
    /// <returns>Its number.</returns>
    public static long Add(SqliteTransaction transaction, Operation operation)
    {
        var before = Milliseconds(operation.StartedAt - History);
        Execute(transaction, "DELETE FROM attempts WHERE operation_id IN (SELECT id FROM operations WHERE started_at < $before)", ("$before", before));
        Execute(transaction, "DELETE FROM operations WHERE started_at < $before", ("$before", before));
        Execute(
            transaction,
            "INSERT INTO operations (source, kind, schedule, type, started_at, detail, over_live, asked_by, asked_from, store) VALUES ($source, $kind, $schedule, $type, $at, $detail, $live, $user, $address, $store)",
            ("$source", operation.Source), ("$kind", operation.Kind.Word()), ("$schedule", operation.Schedule), ("$type", operation.Type?.Word()), ("$at", Milliseconds(operation.StartedAt)),
            ("$detail", operation.Detail), ("$live", operation.IsOverLive), ("$user", operation.Asker?.User), ("$address", operation.Asker?.Address), ("$store", operation.Store));
        return Query(transaction, "SELECT last_insert_rowid()", row => row.GetInt64(0))[0];
    }

    /// <summary>Writes an operation as it ended, and counts it; copies by their store, where others have a schedule. Drills of copies are not counted: the figures of drills are the first store's.</summary>
    public static void Close(SqliteTransaction transaction, Operation operation)
    {
        var failure = operation.Failure;
        Execute(
            transaction,
            """
            UPDATE operations SET ended_at = $at, result = $result, failure = $failure, message = $message, brief = $brief, hint = $hint, backup_id = $backup, detail = $detail,
                type = $type, over_live = $live, full_because = $because, stored_bytes = $stored, content_bytes = $content WHERE id = $id
            """,
            ("$at", Milliseconds(operation.EndedAt!.Value)), ("$result", operation.Result!.Value.Word()), ("$failure", failure?.Kind.ToString()), ("$message", failure?.Message), ("$brief", failure?.Brief), ("$hint", failure?.Hint),
            ("$backup", operation.Backup?.Value), ("$detail", operation.Detail), ("$type", operation.Type?.Word()), ("$live", operation.IsOverLive), ("$because", operation.FullBecause),
            ("$stored", operation.StoredBytes), ("$content", operation.ContentBytes), ("$id", operation.Id));
        if (operation is { Kind: OperationKind.Drill, Store: not null })
            return;
        Execute(
            transaction,
            "INSERT INTO operation_counts (kind, source, schedule, result, count) VALUES ($kind, $source, $schedule, $result, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            ("$kind", operation.Kind.Word()), ("$source", operation.Source), ("$schedule", operation.Schedule ?? (operation.Kind == OperationKind.Copy ? operation.Store : null) ?? ""), ("$result", operation.Result.Value.Word()));
        if (operation is { Kind: OperationKind.Backup, IsSkipped: false })
            TellSource(transaction, operation);
    }

    /// <summary>Closes those of a kind that a source has open in a store, because their process died.</summary>
    /// <param name="ended">How each ended.</param>
    /// <returns>How many there were.</returns>
    public static int CloseOpen(SqliteTransaction transaction, string source, OperationKind kind, Func<Operation, Operation> ended, string? store = null)
    {
        var open = Open(transaction, kind).Where(operation => operation.Source == source && operation.Store == store).ToList();
        foreach (var operation in open)
            Close(transaction, ended(operation));
        return open.Count;
    }

    /// <summary>Those that were begun and did not end, of all sources.</summary>
    public static List<Operation> Open(SqliteTransaction transaction, OperationKind kind) =>
        Query(transaction, OperationJournal.OpenOfKind, Read, ("$kind", kind.Word()));

    /// <summary>Notes that a backup of the source is under way.</summary>
    public static void TellSourceBegun(SqliteTransaction transaction, Operation backup) => Execute(
        transaction,
        "INSERT INTO sources (name, added_at, run_started_at) VALUES ($source, $at, $at) ON CONFLICT DO UPDATE SET run_started_at = $at",
        ("$source", backup.Source), ("$at", Milliseconds(backup.StartedAt)));

    public static void Add(SqliteTransaction transaction, long operation, Attempt attempt) => Execute(
        transaction,
        "INSERT INTO attempts VALUES ($operation, $attempt, $started, $ended, $failure, $message, $hint)",
        ("$operation", operation), ("$attempt", attempt.Number), ("$started", Milliseconds(attempt.StartedAt)), ("$ended", Milliseconds(attempt.EndedAt)),
        ("$failure", attempt.Failure?.Kind.ToString()), ("$message", attempt.Failure?.Message), ("$hint", attempt.Failure?.Hint));

    public static void Keep(SqliteTransaction transaction, string source, StageSeconds stages) => Execute(
        transaction,
        "UPDATE sources SET capture_seconds = $capture, verify_seconds = $verify, prune_seconds = $prune WHERE name = $source",
        ("$capture", stages.Capture), ("$verify", stages.Verify), ("$prune", stages.Prune), ("$source", source));

    public static void KeepCopy(SqliteTransaction transaction, string source, double seconds) =>
        Execute(transaction, "UPDATE sources SET copy_seconds = $copy WHERE name = $source", ("$copy", seconds), ("$source", source));

    public static void Count(SqliteTransaction transaction, string source, CheckResult check) => Execute(
        transaction,
        "INSERT INTO verification_counts (source, \"check\", result, count) VALUES ($source, $check, $result, 1) ON CONFLICT DO UPDATE SET count = count + 1",
        ("$source", source), ("$check", check.Check.Word()), ("$result", (check.Passed ? RunResult.Success : RunResult.Failure).Word()));

    /// <summary>What was stopped on purpose is no failure in a row.</summary>
    private static void TellSource(SqliteTransaction transaction, Operation backup) => Execute(
        transaction,
        """
        UPDATE sources SET run_started_at = NULL, last_run_at = $at, last_run_success = $success,
            consecutive_failures = CASE WHEN $success THEN 0 WHEN $stopped THEN consecutive_failures ELSE consecutive_failures + 1 END WHERE name = $source
        """,
        ("$at", Milliseconds(backup.EndedAt!.Value)), ("$success", backup.Succeeded), ("$stopped", backup.Failure?.Kind == FailureKind.Interrupted), ("$source", backup.Source));

    private static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
