using Microsoft.Data.Sqlite;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Cli.Demo;

/// <summary>An IT service management database to try things on: realistic tables, indexes, and a size worth a progress bar.</summary>
internal static class SampleDatabase
{
    private const int Seed = 20260214;

    // Early 2024, in Unix seconds: the sample's first ticket.
    private const long Epoch = 1_704_067_200;

    private const string Tables = """
        CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT NOT NULL);
        CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT NOT NULL, team_id INTEGER NOT NULL REFERENCES teams, created_at INTEGER NOT NULL);
        CREATE TABLE assets (id INTEGER PRIMARY KEY, tag TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, address TEXT, owner_id INTEGER REFERENCES users);
        CREATE TABLE sla_policies (id INTEGER PRIMARY KEY, priority TEXT NOT NULL, response_minutes INTEGER NOT NULL, resolution_minutes INTEGER NOT NULL);
        CREATE TABLE problems (id INTEGER PRIMARY KEY, title TEXT NOT NULL, root_cause TEXT, opened_at INTEGER NOT NULL);
        CREATE TABLE changes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, risk TEXT NOT NULL, plan TEXT NOT NULL, asset_id INTEGER REFERENCES assets, planned_at INTEGER NOT NULL);
        CREATE TABLE incidents (id INTEGER PRIMARY KEY, title TEXT NOT NULL, description TEXT NOT NULL, priority TEXT NOT NULL, status TEXT NOT NULL,
            asset_id INTEGER REFERENCES assets, assignee_id INTEGER REFERENCES users, problem_id INTEGER REFERENCES problems, opened_at INTEGER NOT NULL, resolved_at INTEGER);
        CREATE TABLE comments (id INTEGER PRIMARY KEY, incident_id INTEGER NOT NULL REFERENCES incidents, author_id INTEGER NOT NULL REFERENCES users, body TEXT NOT NULL, created_at INTEGER NOT NULL);
        CREATE TABLE audit_logs (id INTEGER PRIMARY KEY, actor_id INTEGER REFERENCES users, action TEXT NOT NULL, entity TEXT NOT NULL, entity_id INTEGER NOT NULL,
            address TEXT NOT NULL, session TEXT NOT NULL, detail TEXT NOT NULL, created_at INTEGER NOT NULL);
        """;

    private const string Indexes = """
        CREATE UNIQUE INDEX users_by_mail ON users (mail);
        CREATE UNIQUE INDEX assets_by_tag ON assets (tag);
        CREATE INDEX incidents_by_status ON incidents (status, priority, opened_at);
        CREATE INDEX comments_by_incident ON comments (incident_id, created_at);
        CREATE INDEX audit_logs_by_entity ON audit_logs (entity, entity_id);
        """;

    // Bytes of a unit of the sample with its indexes, measured: one incident and what goes with it.
    private const long BytesPerIncident = 1540;

    /// <summary>Makes the database, in WAL mode as a web application would run it.</summary>
    /// <param name="path">A file that does not exist.</param>
    /// <param name="megabytes">Its size in MiB, which it reaches or exceeds a little.</param>
    /// <param name="progress">Told what part is done, 0 to 1.</param>
    /// <param name="cancellationToken">Stops, leaving the file unfinished.</param>
    public static void Create(string path, int megabytes, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        SqliteLibrary.Initialize();
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, ForeignKeys = false }.ToString());
        connection.Open();
        // Nobody needs a sample that a crash left half made.
        Execute(connection, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536");
        Execute(connection, $"BEGIN; {Tables}");
        Fill(connection, (int)((((long)megabytes << 20) / BytesPerIncident) + 1), progress, cancellationToken);
        Execute(connection, $"{Indexes} COMMIT");
        Execute(connection, "PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL");
        progress?.Report(1);
    }

    /// <summary>Rows by table. The database may be written, so that closing it leaves no <c>-wal</c> and <c>-shm</c>.</summary>
    public static IReadOnlyDictionary<string, long> CountRows(string path)
    {
        SqliteLibrary.Initialize();
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false, ForeignKeys = false }.ToString());
        connection.Open();
        var tables = new List<string>();
        using (var names = Command(connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"))
        using (var reader = names.ExecuteReader())
        {
            while (reader.Read())
                tables.Add(reader.GetString(0));
        }

        return tables.ToDictionary(table => table, table => Count(connection, table), StringComparer.Ordinal);
    }

    private static void Fill(SqliteConnection connection, int incidents, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var text = new SampleText(Seed);
        var (teams, users, assets) = (12, 400 + (incidents / 100), 1000 + (incidents / 20));
        Insert(connection, "teams", teams, id => [$"{text.Thing()} チーム {id}", $"team{id}@example.jp"]);
        Insert(connection, "users", users, id => [text.Person(), $"user{id}@example.jp", 1 + text.Number(teams), Epoch + id]);
        Insert(connection, "assets", assets, id => [$"CI-{id:000000}", text.Pick("server", "laptop", "switch", "application"), text.Thing(), text.Address(), 1 + text.Number(users)]);
        Insert(connection, "sla_policies", 4, id => [$"P{id}", 15 * id, 240 * id]);
        Insert(connection, "problems", incidents / 50, id => [text.Title(), text.Paragraph(2), At(id * 50)]);
        Insert(connection, "changes", incidents / 20, id => [text.Title(), text.Pick("low", "medium", "high"), text.Paragraph(4), 1 + text.Number(assets), At(id * 20)]);
        Insert(connection, "incidents", incidents, id =>
        [
            text.Title(), text.Paragraph(3), $"P{1 + text.Number(4)}", text.Pick("open", "assigned", "pending", "resolved", "closed", "closed", "closed"),
            1 + text.Number(assets), 1 + text.Number(users), id > 100 ? 1 + text.Number(incidents / 50) : null, At(id), At(id) + text.Number(400_000),
        ]);
        Insert(connection, "comments", incidents * 3, id => [1 + ((id - 1) / 3), 1 + text.Number(users), text.Paragraph(2), At(id / 3) + text.Number(90_000)], Report(0, 0.45));
        Insert(connection, "audit_logs", incidents * 5, id =>
        [
            1 + text.Number(users), text.Pick("login", "view", "update", "assign", "resolve", "export"), text.Pick("incident", "change", "asset"), 1 + text.Number(incidents),
            text.Address(), text.Token(), $$"""{"request":"{{text.Token()}}","ms":{{text.Number(900)}}}""", At(id / 5),
        ], Report(0.45, 0.9));

        Action<double> Report(double from, double to) => part =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(from + (part * (to - from)));
        };
    }

    private static long At(int incident) => Epoch + (incident * 1200L);

    private static void Insert(SqliteConnection connection, string table, int rows, Func<int, object?[]> values, Action<double>? report = null)
    {
        SqliteCommand? command = null;
        for (var id = 1; id <= rows; id++)
        {
            var row = values(id);
            command ??= Prepare(connection, table, row.Length);
            command.Parameters[0].Value = id;
            for (var column = 0; column < row.Length; column++)
                command.Parameters[column + 1].Value = row[column] ?? DBNull.Value;
            command.ExecuteNonQuery();
            if (id % 4096 == 0)
                report?.Invoke((double)id / rows);
        }

        command?.Dispose();
    }

    private static SqliteCommand Prepare(SqliteConnection connection, string table, int columns)
    {
        var names = Enumerable.Range(0, columns + 1).Select(column => $"${column}").ToList();
        var command = Command(connection, $"INSERT INTO {table} VALUES ({string.Join(", ", names)})");
        foreach (var name in names)
            command.Parameters.Add(new SqliteParameter { ParameterName = name });
        command.Prepare();
        return command;
    }

    private static long Count(SqliteConnection connection, string table)
    {
        using var command = Command(connection, $"SELECT count(*) FROM \"{table}\"");
        return (long)command.ExecuteScalar()!;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = Command(connection, sql);
        command.ExecuteNonQuery();
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }
}
