using Microsoft.Data.Sqlite;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Benchmarks.Data;

/// <summary>
/// A service desk's database: tickets, comments, an audit log with hashes, assets, attachments, and their indexes.
/// One seed and one size always give the same content.
/// </summary>
internal static class ItsmDatabase
{
    private const int TicketsPerTransaction = 2000;
    private const int CommentsPerTicket = 3;
    private const int Mebibyte = 1 << 20;

    private const string Schema = """
        CREATE TABLE tickets (
            id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, title TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL,
            priority INTEGER NOT NULL, requester TEXT NOT NULL, assignee TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
        CREATE INDEX tickets_by_status ON tickets (status, priority, updated_at);
        CREATE INDEX tickets_by_assignee ON tickets (assignee, created_at);
        CREATE TABLE comments (id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets (id), author TEXT NOT NULL, body TEXT NOT NULL, created_at TEXT NOT NULL);
        CREATE INDEX comments_by_ticket ON comments (ticket_id, created_at);
        CREATE TABLE audit_log (id INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, entity_id INTEGER NOT NULL, details TEXT NOT NULL, hash BLOB NOT NULL);
        CREATE INDEX audit_log_by_entity ON audit_log (entity_id, at);
        CREATE TABLE assets (id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, serial TEXT NOT NULL, location TEXT NOT NULL);
        CREATE TABLE attachments (id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets (id), name TEXT NOT NULL, content BLOB NOT NULL);
        """;

    private static readonly string[] States = ["新規", "対応中", "保留", "解決", "クローズ"];
    private static readonly string[] Kinds = ["laptop", "server", "switch", "printer", "phone"];

    /// <summary>Makes the database, replacing what is there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">It grows until it is at least this long.</param>
    /// <param name="isWal">Its journal mode: WAL, or else a rollback journal.</param>
    public static void Create(string path, long bytes, bool isWal)
    {
        SqliteLibrary.Initialize();
        foreach (var leftover in (string[])[path, path + "-wal", path + "-shm", path + "-journal"])
            File.Delete(leftover);
        using var connection = Open(path);
        Execute(connection, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;" + Schema);
        var text = new ItsmText(new Random(20260214));
        for (var first = 1; new FileInfo(path).Length < bytes; first += TicketsPerTransaction)
            Fill(connection, text, first);
        Execute(connection, $"PRAGMA journal_mode = {(isWal ? "WAL" : "DELETE")}");
    }

    /// <summary>Opens with SQLite's own defaults, as an application would.</summary>
    public static SqliteConnection Open(string path)
    {
        SqliteLibrary.Initialize();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    public static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>A file size such as <c>545</c>, in MiB.</summary>
    public static long Bytes(int mebibytes) => (long)mebibytes * Mebibyte;

    private static void Fill(SqliteConnection connection, ItsmText text, int first)
    {
        using var transaction = connection.BeginTransaction();
        using var ticket = new Insert(connection, "tickets", 10);
        using var comment = new Insert(connection, "comments", 5);
        using var audit = new Insert(connection, "audit_log", 7);
        using var asset = new Insert(connection, "assets", 5);
        using var attachment = new Insert(connection, "attachments", 4);
        var random = text.Random;
        for (var id = first; id < first + TicketsPerTransaction; id++)
        {
            ticket.Run(id, $"INC{id:D8}", text.Sentence(8), text.Sentence(40 + random.Next(80)), text.Pick(States), random.Next(1, 5), User(random), User(random), text.Instant(), text.Instant());
            for (var i = 0; i < CommentsPerTicket; i++)
            {
                comment.Run(null, id, User(random), text.Sentence(10 + random.Next(60)), text.Instant());
                audit.Run(null, text.Instant(), User(random), "ticket.update", id, $$"""{"status":"{{text.Pick(States)}}","ip":"10.{{random.Next(256)}}.{{random.Next(256)}}.{{random.Next(256)}}"}""", text.Noise(32));
            }

            if (id % 10 == 0)
                asset.Run(null, $"A-{id:D7}", text.Pick(Kinds), Convert.ToHexString(text.Noise(8)), $"{random.Next(1, 12)}階");
            if (id % 20 == 0)
                attachment.Run(null, id, $"画面_{id}.png", text.Noise(4_000 + random.Next(16_000)));
        }

        transaction.Commit();
    }

    private static string User(Random random) => $"user{random.Next(2000):D4}@example.jp";

    /// <summary>One prepared statement, run again and again.</summary>
    private sealed class Insert : IDisposable
    {
        private readonly SqliteCommand command;

        public Insert(SqliteConnection connection, string table, int columns)
        {
            command = connection.CreateCommand();
            command.CommandText = $"INSERT INTO {table} VALUES ({string.Join(",", Enumerable.Range(0, columns).Select(column => "$" + column))})";
            for (var column = 0; column < columns; column++)
                command.Parameters.Add(new SqliteParameter { ParameterName = "$" + column });
        }

        public void Run(params object?[] values)
        {
            for (var column = 0; column < values.Length; column++)
                command.Parameters[column].Value = values[column] ?? DBNull.Value;
            command.ExecuteNonQuery();
        }

        public void Dispose() => command.Dispose();
    }
}
