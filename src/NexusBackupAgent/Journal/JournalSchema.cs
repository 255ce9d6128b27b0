namespace NexusBackupAgent.Journal;

/// <summary>The journal's tables and indexes, and how a file of any version gets them.</summary>
internal static class JournalSchema
{
    /// <summary>As <c>PRAGMA user_version</c> says it; 0 is an empty file.</summary>
    public const int Version = 5;

    private const string Runs = """
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY, source TEXT NOT NULL, schedule TEXT NOT NULL, type TEXT NOT NULL, started_at INTEGER NOT NULL,
            ended_at INTEGER, result TEXT, failure TEXT, message TEXT, hint TEXT, backup_id TEXT, stored_bytes INTEGER, content_bytes INTEGER);
        CREATE INDEX runs_by_source ON runs (source, schedule, started_at);
        CREATE INDEX runs_by_start ON runs (started_at);
        CREATE INDEX runs_open ON runs (source) WHERE result IS NULL;
        CREATE TABLE attempts (
            run_id INTEGER NOT NULL, attempt INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
            failure TEXT, message TEXT, hint TEXT, PRIMARY KEY (run_id, attempt)) WITHOUT ROWID;
        CREATE TABLE sources (
            name TEXT PRIMARY KEY, added_at INTEGER NOT NULL, last_run_at INTEGER, last_run_success INTEGER NOT NULL DEFAULT 0,
            consecutive_failures INTEGER NOT NULL DEFAULT 0, run_started_at INTEGER,
            capture_seconds REAL NOT NULL DEFAULT 0, verify_seconds REAL NOT NULL DEFAULT 0, prune_seconds REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
        CREATE TABLE run_counts (
            source TEXT NOT NULL, schedule TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (source, schedule, result)) WITHOUT ROWID;
        CREATE TABLE verification_counts (
            source TEXT NOT NULL, "check" TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (source, "check", result)) WITHOUT ROWID;
        CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
        """;

    private const string OperationsBesideRuns = """
        CREATE TABLE operations (
            id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
            backup_id TEXT, detail TEXT NOT NULL, failure TEXT, message TEXT, hint TEXT);
        CREATE INDEX operations_by_kind ON operations (kind, source);
        CREATE INDEX operations_by_source ON operations (source, started_at);
        CREATE INDEX operations_by_start ON operations (started_at);
        CREATE INDEX operations_open ON operations (source, kind) WHERE ended_at IS NULL;
        CREATE TABLE operation_counts (
            source TEXT NOT NULL, kind TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (source, kind, result)) WITHOUT ROWID;
        CREATE TABLE schedules (
            source TEXT NOT NULL, schedule TEXT NOT NULL, cron TEXT NOT NULL, retention TEXT NOT NULL, added_at INTEGER NOT NULL,
            PRIMARY KEY (source, schedule)) WITHOUT ROWID;
        """;

    /// <summary>
    /// Operations keep their numbers, which the locks of restores are marked with; runs get those after them. Only here is a
    /// restore over the live source told by the words of its detail: the versions before kept no column for it.
    /// </summary>
    private const string RunsAmongOperations = """
        ALTER TABLE operations RENAME TO earlier_operations;
        ALTER TABLE operation_counts RENAME TO earlier_counts;
        ALTER TABLE attempts RENAME TO earlier_attempts;
        DROP INDEX operations_by_kind;
        DROP INDEX operations_by_source;
        DROP INDEX operations_by_start;
        DROP INDEX operations_open;
        CREATE TABLE operations (
            id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, schedule TEXT, type TEXT, started_at INTEGER NOT NULL, ended_at INTEGER,
            result TEXT, failure TEXT, message TEXT, brief TEXT, hint TEXT, backup_id TEXT, detail TEXT NOT NULL, over_live INTEGER NOT NULL DEFAULT 0,
            full_because TEXT, stored_bytes INTEGER, content_bytes INTEGER);
        CREATE TABLE attempts (
            operation_id INTEGER NOT NULL, attempt INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
            failure TEXT, message TEXT, hint TEXT, PRIMARY KEY (operation_id, attempt)) WITHOUT ROWID;
        CREATE TABLE operation_counts (
            kind TEXT NOT NULL, source TEXT NOT NULL, schedule TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (kind, source, schedule, result)) WITHOUT ROWID;
        INSERT INTO operations (id, source, kind, started_at, ended_at, result, failure, message, hint, backup_id, detail, over_live)
            SELECT id, source, kind, started_at, ended_at, CASE WHEN ended_at IS NULL THEN NULL WHEN failure IS NULL THEN 'success' ELSE 'failure' END,
                failure, message, hint, backup_id, detail, kind = 'restore' AND detail LIKE 'restore of % over the live database %'
            FROM earlier_operations;
        INSERT INTO operations (id, source, kind, schedule, type, started_at, ended_at, result, failure, message, hint, backup_id, detail, full_because, stored_bytes, content_bytes)
            SELECT id + (SELECT coalesce(max(id), 0) FROM earlier_operations), source, 'backup', schedule, type, started_at, ended_at, result,
                failure, iif(result IS 'success', NULL, message), hint, backup_id, '', iif(result IS 'success', message, NULL), stored_bytes, content_bytes
            FROM runs ORDER BY id;
        INSERT INTO attempts
            SELECT run_id + (SELECT coalesce(max(id), 0) FROM earlier_operations), attempt, started_at, ended_at, failure, message, hint FROM earlier_attempts;
        INSERT INTO operation_counts SELECT kind, source, '', result, count FROM earlier_counts;
        INSERT INTO operation_counts SELECT 'backup', source, schedule, result, count FROM run_counts;
        DROP TABLE earlier_operations;
        DROP TABLE earlier_counts;
        DROP TABLE earlier_attempts;
        DROP TABLE runs;
        DROP TABLE run_counts;
        CREATE INDEX operations_by_kind ON operations (kind, source);
        CREATE INDEX operations_by_source ON operations (source, started_at);
        CREATE INDEX operations_by_start ON operations (started_at);
        CREATE INDEX operations_open ON operations (source, kind) WHERE ended_at IS NULL;
        CREATE INDEX backups_by_schedule ON operations (source, schedule, started_at) WHERE kind = 'backup';
        """;

    private const string WhoAsked = """
        ALTER TABLE operations ADD COLUMN asked_by TEXT;
        ALTER TABLE operations ADD COLUMN asked_from TEXT;
        CREATE INDEX operations_asked ON operations (id) WHERE asked_by IS NOT NULL;
        """;

    private const string Copies = """
        ALTER TABLE operations ADD COLUMN store TEXT;
        ALTER TABLE sources ADD COLUMN copy_seconds REAL NOT NULL DEFAULT 0;
        """;

    /// <summary>What each version did to the one before it.</summary>
    private static readonly string[] Steps = [Runs, OperationsBesideRuns, RunsAmongOperations, WhoAsked, Copies];

    /// <summary>The statements that bring a file of an older version to this one.</summary>
    public static string From(int version) => $"{string.Join('\n', Steps[version..])} PRAGMA user_version = {Version}";
}
