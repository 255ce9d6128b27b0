using Microsoft.Data.Sqlite;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using static NexusBackupAgent.Journal.JournalSql;

namespace NexusBackupAgent.Journal;

/// <summary>
/// What happened: every run with its attempts, and the counters that the metrics export. It knows nothing of backups
/// that the store does not say, so losing it loses none.
/// </summary>
internal sealed class RunJournal(JournalDatabase database) : IDisposable
{
    // A year of history and a month to look back on it.
    private static readonly TimeSpan History = TimeSpan.FromDays(400);

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

    /// <summary>Opens a run. The caller holds the source's lock, so a run that is still open died with its process and is closed as failed.</summary>
    /// <returns>The run's number.</returns>
    public long Begin(string source, string schedule, BackupType type, DateTimeOffset now) => database.Transact(transaction =>
    {
        RunRows.CloseAbandoned(transaction, source, now);
        Execute(transaction, "DELETE FROM attempts WHERE run_id IN (SELECT id FROM runs WHERE started_at < $before)", ("$before", Milliseconds(now - History)));
        Execute(transaction, "DELETE FROM runs WHERE started_at < $before", ("$before", Milliseconds(now - History)));
        Execute(
            transaction,
            """
            INSERT INTO sources (name, added_at, run_started_at) VALUES ($source, $at, $at) ON CONFLICT DO UPDATE SET run_started_at = $at;
            INSERT INTO runs (source, schedule, type, started_at) VALUES ($source, $schedule, $type, $at)
            """,
            ("$source", source), ("$schedule", schedule), ("$type", type.Word()), ("$at", Milliseconds(now)));
        return Query(transaction, "SELECT last_insert_rowid()", row => row.GetInt64(0))[0];
    });

    /// <summary>Keeps one attempt of an open run.</summary>
    /// <param name="failure">Null when the attempt succeeded.</param>
    public void RecordAttempt(long run, int attempt, DateTimeOffset startedAt, DateTimeOffset endedAt, RunFailure? failure) => database.Transact(transaction =>
        Execute(
            transaction,
            "INSERT INTO attempts VALUES ($run, $attempt, $started, $ended, $failure, $message, $hint)",
            ("$run", run), ("$attempt", attempt), ("$started", Milliseconds(startedAt)), ("$ended", Milliseconds(endedAt)),
            ("$failure", failure?.Kind.ToString()), ("$message", failure?.Message), ("$hint", failure?.Hint)));

    /// <summary>Closes a run, or keeps one that was skipped and so never opened.</summary>
    public void End(RunRecord run) => database.Transact(transaction =>
    {
        if (run.Result == RunResult.Skipped)
        {
            Execute(
                transaction,
                "INSERT INTO runs (source, schedule, type, started_at, ended_at, result, failure, message, hint) VALUES ($source, $schedule, $type, $at, $at, 'skipped', $failure, $message, $hint)",
                ("$source", run.Source), ("$schedule", run.Schedule), ("$type", run.Type.Word()), ("$at", Milliseconds(run.EndedAt)),
                ("$failure", run.Failure?.Kind.ToString()), ("$message", run.Failure?.Message), ("$hint", run.Failure?.Hint));
        }
        else
        {
            RunRows.Close(transaction, run.Id, run.Source, run.EndedAt, run.Result, run.Failure);
            if (run.Outcome is { } outcome)
                RunRows.Record(transaction, run, outcome);
        }

        RunRows.Count(transaction, run.Source, run.Schedule, run.Result);
        return 0;
    });

    /// <summary>Whether a run of the source is under way, or its process died.</summary>
    public bool HasOpenRun(string source) => database.Read(transaction =>
        Query(transaction, "SELECT 1 FROM runs WHERE source = $source AND result IS NULL LIMIT 1", row => row.GetInt64(0), ("$source", source)).Count > 0);

    /// <summary>Closes the runs of a source whose process died. The caller holds the source's lock.</summary>
    /// <returns>How many there were.</returns>
    public int CloseAbandoned(string source, DateTimeOffset now) => database.Transact(transaction => RunRows.CloseAbandoned(transaction, source, now));

    /// <summary>Counts the checks of a verification.</summary>
    public void RecordVerification(string source, VerificationResult result) => database.Transact(transaction =>
    {
        foreach (var check in result.Checks)
            RunRows.Count(transaction, source, check);
        return 0;
    });

    /// <summary>Proves that the journal can be written.</summary>
    public void Beat(DateTimeOffset now) => database.Transact(transaction =>
        Execute(transaction, "INSERT INTO heartbeat VALUES (1, $at) ON CONFLICT DO UPDATE SET at = $at", ("$at", Milliseconds(now))));

    /// <summary>When an agent last proved that, UTC; null when none ever ran here.</summary>
    public DateTimeOffset? LastBeat() => database.Read(transaction =>
        Query(transaction, "SELECT at FROM heartbeat", row => Instant(row, 0)).FirstOrDefault());

    /// <summary>When the last run of a schedule started that was not skipped or interrupted, UTC.</summary>
    public DateTimeOffset? LastStarted(string source, string schedule) => database.Read(transaction => Query(
        transaction,
        "SELECT max(started_at) FROM runs WHERE source = $source AND schedule = $schedule AND result IN ('success', 'failure') AND failure IS NOT 'Interrupted' AND failure IS NOT 'Died'",
        row => Instant(row, 0),
        ("$source", source), ("$schedule", schedule))[0]);

    /// <summary>When the source's last runs started, on any schedule, newest first, UTC, and whether they succeeded. One that was skipped never started; one that was stopped on purpose does not count.</summary>
    public IReadOnlyList<(DateTimeOffset At, bool Succeeded)> LastStarts(string source, int count, BackupType? type = null) => database.Read(transaction => Query(
        transaction,
        "SELECT started_at, result IS 'success' FROM runs WHERE source = $source AND result IS NOT 'skipped' AND failure IS NOT 'Interrupted' AND type = coalesce($type, type) ORDER BY id DESC LIMIT $count",
        row => (Instant(row, 0)!.Value, row.GetBoolean(1)),
        ("$source", source), ("$type", type?.Word()), ("$count", count)));

    /// <summary>Why the source's last run failed; null when it succeeded or none ended.</summary>
    public RunFailure? LastFailure(string source) => database.Read(transaction => Query(
        transaction,
        "SELECT result, failure, message, hint FROM runs WHERE source = $source AND result IN ('success', 'failure') ORDER BY id DESC LIMIT 1",
        row => row.GetString(0) == "success" ? null : Failure(row, 1),
        ("$source", source)).FirstOrDefault());

    /// <summary>The source's runs that started from an instant on, skipped ones and those under way included, oldest first.</summary>
    public IReadOnlyList<PastRun> Since(string source, DateTimeOffset from) => database.Read(transaction => Query(
        transaction, $"SELECT {PastRun.Columns} FROM runs WHERE source = $source AND started_at >= $from ORDER BY id", PastRun.Read, ("$source", source), ("$from", Milliseconds(from))));

    /// <summary>The runs of the source's last row of failures, oldest first: those under way or past, back to the success before them. None when it never failed.</summary>
    public IReadOnlyList<PastRun> LastFailures(string source) => database.Read(transaction => Query(
        transaction,
        $"""
        SELECT {PastRun.Columns} FROM runs WHERE source = $source AND result = 'failure' AND failure IS NOT 'Interrupted'
            AND id > coalesce((SELECT max(id) FROM runs WHERE source = $source AND result = 'success'
                AND id < (SELECT max(id) FROM runs WHERE source = $source AND result = 'failure' AND failure IS NOT 'Interrupted')), 0) ORDER BY id
        """,
        PastRun.Read,
        ("$source", source)));

    /// <summary>Why backups of the source became full although something else was asked for, by backup; those of the runs that are remembered.</summary>
    public IReadOnlyDictionary<BackupId, string> FullBecause(string source) => database.Read(transaction => Query(
        transaction,
        "SELECT backup_id, message FROM runs WHERE source = $source AND result = 'success' AND backup_id IS NOT NULL AND message IS NOT NULL",
        row => (Backup: new BackupId(row.GetString(0)), Reason: row.GetString(1)),
        ("$source", source)).ToDictionary(made => made.Backup, made => made.Reason));

    /// <summary>The newest attempts that failed, newest first.</summary>
    public IReadOnlyList<(DateTimeOffset At, RunFailure Failure)> FailedAttempts(string source, int most) => database.Read(transaction => Query(
        transaction,
        """
        SELECT attempts.ended_at, attempts.failure, attempts.message, attempts.hint FROM attempts JOIN runs ON runs.id = run_id
        WHERE source = $source AND attempts.failure IS NOT NULL ORDER BY run_id DESC, attempt DESC LIMIT $most
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
}
