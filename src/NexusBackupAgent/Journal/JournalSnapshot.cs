using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>What the journal knows of one source.</summary>
/// <param name="AddedAt">When the agent first saw it, UTC.</param>
/// <param name="LastRunAt">When its last run ended, UTC; null if none did.</param>
/// <param name="LastRunSucceeded">Whether that run succeeded.</param>
/// <param name="ConsecutiveFailures">Failed runs since the last success.</param>
/// <param name="RunStartedAt">When the run that is under way started, UTC; null when idle.</param>
/// <param name="CaptureSeconds">Of the last successful run, as are the next two.</param>
internal sealed record SourceActivity(
    DateTimeOffset AddedAt,
    DateTimeOffset? LastRunAt,
    bool LastRunSucceeded,
    int ConsecutiveFailures,
    DateTimeOffset? RunStartedAt,
    double CaptureSeconds,
    double VerifySeconds,
    double PruneSeconds)
{
    /// <summary>Of the last copying to other stores that copied something and succeeded.</summary>
    public double CopySeconds { get; init; }
}

/// <summary>The journal's figures at one instant, for all sources at once.</summary>
/// <param name="Sources">By source name.</param>
/// <param name="Runs">Finished runs by source, schedule and the word of the <see cref="RunResult"/>.</param>
/// <param name="Verifications">Checks by source and the words of <see cref="VerificationCheck"/> and <see cref="RunResult"/>.</param>
internal sealed record JournalSnapshot(
    IReadOnlyDictionary<string, SourceActivity> Sources,
    IReadOnlyDictionary<(string Source, string Schedule, string Result), long> Runs,
    IReadOnlyDictionary<(string Source, string Check, string Result), long> Verifications)
{
    /// <summary>Since when each schedule's backups should be there, UTC, by source and schedule; one that no agent took on yet is not among them.</summary>
    public required IReadOnlyDictionary<(string Source, string Schedule), DateTimeOffset> Schedules { get; init; }

    public static JournalSnapshot Read(SqliteTransaction transaction) => new(
        Query(
            transaction,
            "SELECT name, added_at, last_run_at, last_run_success, consecutive_failures, run_started_at, capture_seconds, verify_seconds, prune_seconds, copy_seconds FROM sources",
            row => (Name: row.GetString(0), Activity: new SourceActivity(
                Instant(row, 1)!.Value, Instant(row, 2), row.GetInt64(3) != 0, row.GetInt32(4), Instant(row, 5), row.GetDouble(6), row.GetDouble(7), row.GetDouble(8)) { CopySeconds = row.GetDouble(9) }))
            .ToDictionary(row => row.Name, row => row.Activity, StringComparer.Ordinal),
        Counts(transaction, "SELECT source, schedule, result, count FROM operation_counts WHERE kind = 'backup'"),
        // The first journals called the check of the encoding gzip.
        Counts(transaction, $"SELECT source, CASE \"check\" WHEN 'gzip' THEN '{VerificationCheck.Encoding.Word()}' ELSE \"check\" END AS kind, result, SUM(count) FROM verification_counts GROUP BY source, kind, result"))
    {
        Schedules = Query(transaction, "SELECT source, schedule, added_at FROM schedules", row => (Key: (row.GetString(0), row.GetString(1)), Since: Instant(row, 2)!.Value))
            .ToDictionary(row => row.Key, row => row.Since),
    };

    private static Dictionary<(string, string, string), long> Counts(SqliteTransaction transaction, string sql) =>
        Query(transaction, sql, row => (Key: (row.GetString(0), row.GetString(1), row.GetString(2)), Count: row.GetInt64(3)))
            .ToDictionary(row => row.Key, row => row.Count);
}
