using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>How the end of a run is written in the journal's tables: the run itself, its source, the counters.</summary>
internal static class RunRows
{
    /// <summary>Closes the runs of a source that are open, as died with their process.</summary>
    /// <returns>How many there were.</returns>
    public static int CloseAbandoned(SqliteTransaction transaction, string source, DateTimeOffset now)
    {
        var abandoned = Query(
            transaction,
            "SELECT id, schedule FROM runs WHERE source = $source AND result IS NULL",
            row => (Id: row.GetInt64(0), Schedule: row.GetString(1)),
            ("$source", source));
        var failure = new RunFailure(
            FailureKind.Died,
            $"the run of source '{source}' ended with its process (killed, crashed or power lost)",
            "nothing of it counts; the next run starts afresh. Look for the cause with: journalctl -u nexus-backup; dmesg | grep -i oom");
        foreach (var (id, schedule) in abandoned)
        {
            Close(transaction, id, source, now, RunResult.Failure, failure);
            Count(transaction, source, schedule, RunResult.Failure);
        }

        return abandoned.Count;
    }

    /// <summary>Closes a run, and tells its source how it ended.</summary>
    public static void Close(SqliteTransaction transaction, long id, string source, DateTimeOffset endedAt, RunResult result, RunFailure? failure)
    {
        Execute(
            transaction,
            "UPDATE runs SET ended_at = $at, result = $result, failure = $failure, message = $message, hint = $hint WHERE id = $id",
            ("$at", Milliseconds(endedAt)), ("$result", result.Word()), ("$failure", failure?.Kind.ToString()), ("$message", failure?.Message), ("$hint", failure?.Hint), ("$id", id));
        Execute(
            transaction,
            """
            UPDATE sources SET run_started_at = NULL, last_run_at = $at, last_run_success = $success,
                consecutive_failures = CASE WHEN $success THEN 0 WHEN $stopped THEN consecutive_failures ELSE consecutive_failures + 1 END WHERE name = $source
            """,
            ("$at", Milliseconds(endedAt)), ("$success", result == RunResult.Success ? 1 : 0), ("$stopped", failure?.Kind == FailureKind.Interrupted ? 1 : 0), ("$source", source));
    }

    /// <summary>Keeps what a run made.</summary>
    public static void Record(SqliteTransaction transaction, RunRecord run, BackupOutcome outcome)
    {
        var manifest = outcome.Backup.Manifest;
        Execute(
            transaction,
            "UPDATE runs SET backup_id = $backup, type = $type, message = $because, stored_bytes = $stored, content_bytes = $content WHERE id = $id",
            ("$backup", manifest.Id.Value), ("$type", run.TypeMade.Word()), ("$because", outcome.FullBecause), ("$stored", manifest.Stored.Length), ("$content", manifest.Content.Length), ("$id", run.Id));
        Execute(
            transaction,
            "UPDATE sources SET capture_seconds = $capture, verify_seconds = $verify, prune_seconds = $prune WHERE name = $source",
            ("$capture", outcome.Stages[RunStage.Capture].TotalSeconds),
            ("$verify", outcome.Stages[RunStage.Verify].TotalSeconds),
            ("$prune", outcome.Stages[RunStage.Prune].TotalSeconds),
            ("$source", run.Source));
    }

    /// <summary>Counts a run that ended.</summary>
    public static void Count(SqliteTransaction transaction, string source, string schedule, RunResult result) =>
        Count(transaction, "run_counts", "schedule", source, schedule, result.Word());

    /// <summary>Counts a check of a verification.</summary>
    public static void Count(SqliteTransaction transaction, string source, CheckResult check) =>
        Count(transaction, "verification_counts", "\"check\"", source, check.Check.Word(), check.Passed ? "success" : "failure");

    private static void Count(SqliteTransaction transaction, string table, string column, string source, string label, string result) => Execute(
        transaction,
        $"INSERT INTO {table} (source, {column}, result, count) VALUES ($source, $label, $result, 1) ON CONFLICT DO UPDATE SET count = count + 1",
        ("$source", source), ("$label", label), ("$result", result));
}
