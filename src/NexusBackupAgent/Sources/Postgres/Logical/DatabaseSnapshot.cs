using Npgsql;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Sources.Postgres.Logical;

/// <summary>One state of a database, held by a transaction for as long as this lives: what is dumped is counted in the same state.</summary>
internal sealed class DatabaseSnapshot : IAsyncDisposable
{
    private const int MostNamed = 5;
    private const int LocksAtOnce = 50;

    private const string TablesSql = """
        SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text,
          pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
          c.relrowsecurity AND pg_catalog.row_security_active(c.oid),
          COALESCE((SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition LIMIT 1), 0)::bigint
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        ORDER BY 2, 3
        """;

    /// <summary>What makes rows fit a table or not.</summary>
    private const string DefinitionsSql = """
        SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(COALESCE(pg_catalog.string_agg(
          pg_catalog.format('%I.%I.%I %s %s %s', n.nspname, c.relname, a.attname, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated), E'\n' ORDER BY n.nspname, c.relname, a.attnum), ''), 'UTF8')), 'hex')
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        """;

    private readonly NpgsqlConnection connection;
    private readonly string shown;
    private readonly SemaphoreSlim turn = new(1);

    private DatabaseSnapshot(NpgsqlConnection connection, string shown)
    {
        this.connection = connection;
        this.shown = shown;
    }

    /// <summary>What <c>pg_dump --snapshot</c> takes.</summary>
    public string Id { get; private set; } = "";

    public Version ServerVersion => connection.PostgreSqlVersion;

    /// <summary>Tables and sequences that belong to no extension.</summary>
    public IReadOnlyList<Relation> Relations { get; private set; } = [];

    /// <summary>Whether the server follows another one.</summary>
    public bool IsStandby { get; private set; }

    public static async Task<DatabaseSnapshot> OpenAsync(PostgresServer server, string database, CancellationToken cancellationToken)
    {
        var opened = await server.OpenAsync(database, cancellationToken);
        var snapshot = new DatabaseSnapshot(opened, server.ShownOf(database));
        try
        {
            // Nothing that an administrator set for applications may end it in the middle, and no policy may hide rows in silence.
            foreach (var setting in (string[])["statement_timeout = 0", "lock_timeout = '5min'", "idle_in_transaction_session_timeout = 0", "row_security = off", "search_path = ''", "max_parallel_workers_per_gather = 0"])
                await snapshot.ExecuteAsync($"SET {setting}", cancellationToken);
            await snapshot.ExecuteAsync("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", cancellationToken);
            snapshot.Id = await snapshot.TextAsync("SELECT pg_catalog.pg_export_snapshot()", cancellationToken) ?? "";
            snapshot.IsStandby = await snapshot.TextAsync("SELECT pg_catalog.pg_is_in_recovery()", cancellationToken) == "t";
            snapshot.Relations = [.. (await snapshot.RowsAsync(TablesSql, cancellationToken)).Select(row => new Relation(long.Parse(row[0]!), row[1]!, row[2]!, row[3]![0], row[4] == "u", row[5] == "t", row[6] == "t", long.Parse(row[7]!)))];
            return snapshot;
        }
        catch
        {
            await snapshot.DisposeAsync();
            throw;
        }
    }

    /// <summary>Refuses what the dump would refuse half-way, or leave out.</summary>
    /// <param name="dumped">What is to be dumped.</param>
    /// <exception cref="BackupException">The role may not read something, or does not see all of it.</exception>
    public static void RequireReadable(IReadOnlyList<Relation> dumped, string shown)
    {
        var refused = dumped.Where(relation => !relation.IsReadable).ToList();
        if (refused.Count > 0)
        {
            throw new BackupException(
                FailureKind.SourceRefused,
                $"the agent's role may not read {Names(refused)} of '{shown}', so a dump would not be whole",
                "give it the right: GRANT pg_read_all_data TO role (PostgreSQL 14 or later), or GRANT USAGE on the schema and SELECT on its tables and sequences; or leave them out with tables or schemas");
        }

        var hidden = dumped.Where(relation => relation.HidesRows).ToList();
        if (hidden.Count > 0)
        {
            throw new BackupException(
                FailureKind.SourceRefused,
                $"row security hides rows of {Names(hidden)} of '{shown}' from the agent's role, so a dump would not be whole",
                "ALTER ROLE role BYPASSRLS on the server");
        }
    }

    /// <summary>Counts table by table. A savepoint gives the locks back: of thousands of tables, beside those of <c>pg_dump</c>, the server would run out of them.</summary>
    public async Task<IReadOnlyList<TableRows>> CountAsync(IReadOnlyList<Relation> tables, CancellationToken cancellationToken)
    {
        var counted = new List<TableRows>();
        await ExecuteAsync("SAVEPOINT counted", cancellationToken);
        foreach (var table in tables)
        {
            if (counted.Count % LocksAtOnce == LocksAtOnce - 1)
                await ExecuteAsync("ROLLBACK TO SAVEPOINT counted", cancellationToken);
            counted.Add(new TableRows(table.Schema, table.Name, long.Parse((await TextAsync($"SELECT pg_catalog.count(*) FROM ONLY {SqlName.Quote(table.Schema)}.{SqlName.Quote(table.Name)}", cancellationToken))!)));
        }

        await ExecuteAsync("ROLLBACK TO SAVEPOINT counted", cancellationToken);
        return counted;
    }

    public async Task<long> CountLargeObjectsAsync(CancellationToken cancellationToken) => long.Parse((await TextAsync("SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata", cancellationToken))!);

    public async Task<IReadOnlyList<string>> ExtensionsAsync(CancellationToken cancellationToken) =>
        [.. (await RowsAsync("SELECT extname::text FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1", cancellationToken)).Select(row => row[0]!)];

    public async Task<string> DefinitionsAsync(CancellationToken cancellationToken) => (await TextAsync(DefinitionsSql, cancellationToken))!;

    public async Task<DatabaseProperties> PropertiesAsync(CancellationToken cancellationToken)
    {
        var hasProviders = ServerVersion.Major >= 15;
        var locale = ServerVersion.Major switch { >= 17 => "datlocale", >= 15 => "daticulocale", _ => "NULL" };
        var row = (await RowsAsync(
            $"SELECT pg_catalog.pg_get_userbyid(datdba)::text, pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, {(hasProviders ? "datlocprovider::text" : "'c'")}, {locale}::text, datacl IS NULL FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
            cancellationToken))[0];
        var settings = await RowsAsync(
            "SELECT NULLIF(s.setrole, 0)::regrole::text, pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE d.datname = pg_catalog.current_database()",
            cancellationToken);
        var grants = row[6] == "t" ? null : await RowsAsync(
            "SELECT CASE a.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a WHERE d.datname = pg_catalog.current_database()",
            cancellationToken);
        return new DatabaseProperties(
            row[0]!, row[1]!, row[2]!, row[3]!, row[4]!, row[5],
            [.. settings.Select(setting => new DatabaseSetting(setting[0], setting[1]![..setting[1]!.IndexOf('=')], setting[1]![(setting[1]!.IndexOf('=') + 1)..]))],
            grants is null ? null : [.. grants.Select(grant => new DatabaseGrant(grant[0], grant[1]!, grant[2] == "t"))]);
    }

    public async Task<bool> IsSuperuserAsync(CancellationToken cancellationToken) => await TextAsync("SELECT pg_catalog.current_setting('is_superuser')", cancellationToken) == "on";

    /// <summary>Whether the server still holds it: where a tool failed, this says more than the tool.</summary>
    /// <exception cref="BackupException">It does not.</exception>
    public Task RequireHeldAsync(CancellationToken cancellationToken) => TextAsync("SELECT 1", cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        turn.Dispose();
    }

    internal static string Names(IReadOnlyList<Relation> relations) =>
        string.Join(", ", relations.Take(MostNamed).Select(relation => $"{SqlName.Quote(relation.Schema)}.{SqlName.Quote(relation.Name)}")) + (relations.Count > MostNamed ? $" and {relations.Count - MostNamed} more" : "");

    private Task ExecuteAsync(string sql, CancellationToken cancellationToken) => RowsAsync(sql, cancellationToken);

    private async Task<string?> TextAsync(string sql, CancellationToken cancellationToken) => (await RowsAsync(sql, cancellationToken))[0][0];

    private async Task<IReadOnlyList<string?[]>> RowsAsync(string sql, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            return await connection.RowsAsync(sql, cancellationToken);
        }
        catch (Exception failure)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw PostgresFailure.Translate(failure, shown);
        }
        finally
        {
            turn.Release();
        }
    }
}

/// <param name="Kind">r: table; p: partitioned; f: foreign; S: sequence.</param>
/// <param name="Parent">Of a partition; 0: none.</param>
internal sealed record Relation(long Id, string Schema, string Name, char Kind, bool IsUnlogged, bool IsReadable, bool HidesRows, long Parent);

internal static class PostgresQueries
{
    /// <summary>All rows as text.</summary>
    public static async Task<IReadOnlyList<string?[]>> RowsAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { AllResultTypesAreUnknown = true };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<string?[]>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = new string?[reader.FieldCount];
            for (var field = 0; field < row.Length; field++)
                row[field] = reader.IsDBNull(field) ? null : reader.GetString(field);
            rows.Add(row);
        }

        return rows;
    }

    /// <summary>The same without waiting elsewhere.</summary>
    public static IReadOnlyList<string?[]> Rows(this NpgsqlConnection connection, string sql)
    {
        using var command = new NpgsqlCommand(sql, connection) { AllResultTypesAreUnknown = true };
        using var reader = command.ExecuteReader();
        var rows = new List<string?[]>();
        while (reader.Read())
        {
            var row = new string?[reader.FieldCount];
            for (var field = 0; field < row.Length; field++)
                row[field] = reader.IsDBNull(field) ? null : reader.GetString(field);
            rows.Add(row);
        }

        return rows;
    }
}
