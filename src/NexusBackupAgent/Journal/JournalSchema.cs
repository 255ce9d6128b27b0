namespace NexusBackupAgent.Journal;

/// <summary>The journal's tables and indexes, and how a file gets them.</summary>
internal static class JournalSchema
{
    /// <summary>As <c>PRAGMA user_version</c> says it; 0 is an empty file.</summary>
    public const int Version = 2;

    /// <summary>Version 1.</summary>
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

    /// <summary>What version 2 added.</summary>
    private const string Operations = """
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

    /// <summary>The statements that bring a file of an older version to this one.</summary>
    public static string From(int version) => $"{(version == 0 ? Runs : "")} {Operations} PRAGMA user_version = {Version}";
}
