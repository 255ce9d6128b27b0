using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Operations;

namespace NexusBackupAgent.Journal;

/// <summary>How a run ended (metric label <c>result</c>).</summary>
internal enum RunResult
{
    /// <summary>A new backup was stored and read back.</summary>
    Success,

    /// <summary>It was not.</summary>
    Failure,

    /// <summary>The run did not start, because another one of the same source was under way.</summary>
    Skipped,
}

/// <summary>Why something failed, as it is kept in the journal.</summary>
internal sealed record RunFailure(FailureKind Kind, string Message, string Hint)
{
    public static RunFailure Of(BackupException exception) => new(exception.Kind, exception.Message, exception.Hint);
}

/// <summary>One run as it ended.</summary>
/// <param name="Id">The journal's number of it; 0 for a run that never started.</param>
/// <param name="Source">The source's name.</param>
/// <param name="Schedule">The schedule, or <c>manual</c>.</param>
/// <param name="Type">What was asked for.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC.</param>
/// <param name="Result">How it ended.</param>
/// <param name="Attempts">How many attempts it took; 0 when skipped.</param>
/// <param name="Failure">Why it failed; null on success.</param>
/// <param name="Outcome">What it made; null unless it succeeded.</param>
internal sealed record RunRecord(
    long Id,
    string Source,
    string Schedule,
    BackupType Type,
    DateTimeOffset StartedAt,
    DateTimeOffset EndedAt,
    RunResult Result,
    int Attempts,
    RunFailure? Failure,
    BackupOutcome? Outcome)
{
    /// <summary>What it made: full where an increment was not possible. What was asked for when it made nothing.</summary>
    public BackupType TypeMade => Outcome?.Backup.Manifest.Type ?? Type;
}

/// <summary>One run as the journal remembers it.</summary>
/// <param name="Schedule">The schedule, or <c>manual</c>.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="EndedAt">UTC; null while it is under way, or when its process died.</param>
/// <param name="Result">Null as long.</param>
/// <param name="Failure">Why it failed or was skipped; null when it did not.</param>
internal sealed record PastRun(string Schedule, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, RunResult? Result, RunFailure? Failure)
{
    /// <summary>What <see cref="Read"/> reads.</summary>
    public const string Columns = "schedule, started_at, ended_at, result, failure, message, hint";

    public static PastRun Read(SqliteDataReader row) => new(
        row.GetString(0),
        JournalSql.Instant(row, 1)!.Value,
        JournalSql.Instant(row, 2),
        row.IsDBNull(3) ? null : Enum.Parse<RunResult>(row.GetString(3), ignoreCase: true),
        JournalSql.Failure(row, 4));
}
