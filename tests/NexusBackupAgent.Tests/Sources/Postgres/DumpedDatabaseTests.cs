using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Postgres;

/// <summary>What a database may hold comes back, and what stays out is told.</summary>
public sealed class DumpedDatabaseTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private static readonly string[] Odd =
    [
        "CREATE SCHEMA \"販売 \"\"A\"\"\"",
        "CREATE TYPE mood AS ENUM ('gut', 'schlecht')",
        "CREATE TABLE \"販売 \"\"A\"\"\".\"Größe's \\ table\" (\"列 1\" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, twice int GENERATED ALWAYS AS (1 + 1) STORED, note text)",
        "INSERT INTO \"販売 \"\"A\"\"\".\"Größe's \\ table\" (m, note) SELECT 'gut', E'line\\nbreak\\ttab \\\\. ' || i FROM generate_series(1, 321) i",
        "CREATE TABLE \"two\nlines\" (a text)", "INSERT INTO \"two\nlines\" VALUES (E'\\\\.'), (E'COPY x FROM stdin;'), (NULL)",
        "CREATE TABLE log (at date, line text) PARTITION BY RANGE (at)",
        "CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "INSERT INTO log SELECT date '2025-06-01' + i, 'line ' || i FROM generate_series(1, 400) i",
        "CREATE UNLOGGED TABLE cache (k int)", "INSERT INTO cache SELECT generate_series(1, 17)",
        "CREATE TABLE parent (id int PRIMARY KEY)", "CREATE TABLE child (extra int) INHERITS (parent)", "INSERT INTO parent VALUES (1)", "INSERT INTO child VALUES (2, 3)",
        "CREATE TABLE line (parent int REFERENCES parent (id))", "INSERT INTO line VALUES (1)",
        "CREATE MATERIALIZED VIEW per_month AS SELECT date_trunc('month', at) AS month, count(*) FROM log GROUP BY 1",
        "CREATE TABLE empty ()", "CREATE SEQUENCE counter", "SELECT setval('counter', 4711)",
        "SELECT lo_from_bytea(0, decode(repeat('00ff', 5000), 'hex'))",
        "CREATE FUNCTION text_of_copy() RETURNS text LANGUAGE sql AS $$ SELECT 'COPY public.empty FROM stdin;' $$",
        "CREATE EXTENSION pg_trgm",
    ];

    [SkippableFact]
    public async Task Whatever_a_database_holds_comes_back()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute(Odd);
        bench.Execute("CREATE ROLE app", $"ALTER DATABASE {bench.Database} SET work_mem = '7MB'", $"ALTER DATABASE {bench.Database} SET search_path = \"$user\", public, \"販売 \"\"A\"\"\"", $"GRANT CONNECT ON DATABASE {bench.Database} TO app", $"REVOKE TEMPORARY ON DATABASE {bench.Database} FROM PUBLIC");
        const string Properties = "SELECT pg_get_userbyid(datdba), encoding, datcollate, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(datacl) a), (SELECT setconfig::text FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) FROM pg_database d WHERE datname = current_database()";
        var (before, properties, live) = (State(bench.Database), bench.Rows(Properties), bench.Rows("SELECT oid FROM pg_database WHERE datname = current_database()"));

        await bench.DoAsync("backup");
        await bench.DoAsync("verify");
        await bench.DoAsync("drill");
        await bench.DoAsync("restore", "shop", "--to", bench.Database + "_商店");
        Assert.Equal(before, State(bench.Database + "_商店"));
        Assert.Equal(properties, bench.Rows(Properties, bench.Database + "_商店"));

        bench.Execute("TRUNCATE log");
        using (var service = cluster.Open(bench.Database)) // which goes on working all the while
        {
            Assert.Contains("--force does it and keeps the old one as", await RefusedHint(bench, "restore", "shop"), StringComparison.Ordinal);
            var said = await bench.DoAsync("restore", "shop", "--force");
            Assert.ThrowsAny<Npgsql.NpgsqlException>(() => new Npgsql.NpgsqlCommand("SELECT 1", service).ExecuteScalar());
            Assert.Contains(Assert.Single(bench.SafetyCopies()), said.Output + said.Error, StringComparison.Ordinal);
        }

        Assert.Equal(before, State(bench.Database));
        Assert.Equal(properties, bench.Rows(Properties));
        Assert.NotEqual(live, bench.Rows("SELECT oid FROM pg_database WHERE datname = current_database()"));
        Assert.Equal("0", bench.Rows("SELECT count(*) FROM log", bench.SafetyCopies()[0])[0]); // what was there before
        Assert.Empty(bench.Leftovers());
    }

    [SkippableFact]
    public async Task An_encrypted_dump_is_checked_before_it_is_encrypted_and_comes_back_with_the_key_or_by_hand()
    {
        Need.Tool("age");
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE orders AS SELECT generate_series(1, 1234) AS id, 'geheim'::text AS note");
        await Shell.BashAsync($"cd '{bench.Place.Path}'; age-keygen -o key.txt; age-keygen -y key.txt > recipients");
        const string Encrypted = "encryption: {age: {recipientsFile: recipients}}";
        bench.Configure(keys: Encrypted, schedules: "daily: {cron: \"0 2 * * *\", type: differential, retention: 7d}");
        Assert.Contains("reads what the one before it holds", (await bench.Place.RunAsync("check-config")).Output, StringComparison.Ordinal);
        bench.Configure(keys: Encrypted);

        await bench.DoAsync("backup");
        Assert.Contains("full instead of differential", (await bench.DoAsync("backup", "--type", "differential")).Output, StringComparison.Ordinal);

        Assert.Equal(["captured", "captured"], (await bench.DoAsync("list", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("proof").GetString()));
        await Shell.BashAsync($"cd '{bench.Store}'; sha256sum --quiet -c *.sha256; ! grep -rqa -e geheim -e PGDMP -e 'CREATE ROLE' .; ls *.dump.age.globals.sql.age *.dump.age.tables.json.age");
        await bench.DoAsync("restore", "shop", "--to", bench.Database + "_key", "--identity", "key.txt");
        cluster.Execute("postgres", $"CREATE DATABASE {bench.Database}_hand");
        var dump = Directory.GetFiles(bench.Store, "*.dump.age").Order(StringComparer.Ordinal).First();
        await Shell.BashAsync($"age -d -i '{bench.Place.In("key.txt")}' '{dump}' > '{bench.Place.In("hand.dump")}'; pg_restore --exit-on-error '--dbname={cluster.Uri(bench.Database + "_hand")}' '{bench.Place.In("hand.dump")}'");
        Assert.All((string[])["_key", "_hand"], to => Assert.Equal("1234", bench.Rows("SELECT count(*) FROM orders WHERE note = 'geheim'", bench.Database + to)[0]));
    }

    [SkippableFact]
    public async Task The_dump_is_read_by_the_documents_own_commands_and_tells_its_rows()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE orders AS SELECT generate_series(1, 1234) AS id", "SELECT lo_from_bytea(0, 'x')");
        await bench.DoAsync("backup");

        var dump = Assert.Single(Directory.GetFiles(bench.Store, "*.dump"));
        Assert.Contains("TABLE DATA public orders", await Shell.RunAsync("pg_restore", "-l", dump), StringComparison.Ordinal);
        Assert.Contains("BLOBS", await Shell.RunAsync("pg_restore", "-l", dump), StringComparison.Ordinal);
        await Shell.BashAsync($"cd '{bench.Store}' && sha256sum -c --quiet '{Path.GetFileName(dump)}.sha256'");
        Assert.Contains("CREATE ROLE postgres", await File.ReadAllTextAsync(dump + ".globals.sql"), StringComparison.Ordinal);
        Assert.Equal("1234 1", await Shell.BashAsync($"jq -r '\"\\(.tables[] | select(.name == \"orders\") | .rows) \\(.largeObjects)\"' '{dump}.tables.json'"));
        Assert.Equal("globals.sql tables.json", await Shell.BashAsync($"jq -r '[.parts[].name] | sort | join(\" \")' '{dump}.manifest.json'"));
    }

    [SkippableFact]
    public async Task Rows_that_stay_out_are_told_and_partitions_go_with_their_table()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute([.. Odd[6..10], "CREATE TABLE orders AS SELECT generate_series(1, 10) AS id"]);
        bench.Configure(keys: "excludeTableData: [log]");
        await bench.DoAsync("backup");
        await bench.DoAsync("drill");
        var verified = await bench.DoAsync("verify");
        Assert.Contains("without the rows of \"public\".\"log\", \"public\".\"log_2025\", \"public\".\"log_2026\", as the configuration says", verified.Output, StringComparison.Ordinal);
        await bench.DoAsync("restore", "shop", "--to", bench.Database + "_look");
        Assert.Equal(["0|10"], bench.Rows("SELECT (SELECT count(*) FROM log), (SELECT count(*) FROM orders)", bench.Database + "_look"));

        bench.Configure(keys: "excludeTableData: [log, no_such_table]");
        Assert.Contains("has no table no_such_table, which excludeTableData names", await bench.RefusedAsync(3), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Thousands_of_tables_do_not_exhaust_the_servers_locks()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE PROCEDURE make(first int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN first .. first + 999 LOOP EXECUTE format('CREATE TABLE t_%s AS SELECT %s AS id', i, i); END LOOP; END $$");
        bench.Execute("CALL make(0)", "CALL make(1000)", "CALL make(2000)", "CALL make(3000)", "CALL make(4000)");
        await bench.DoAsync("backup");
        Assert.Equal("5000", await Shell.BashAsync($"jq '[.tables[].rows] | add' '{Directory.GetFiles(bench.Store, "*.tables.json")[0]}'"));
    }

    [SkippableFact]
    public async Task Chosen_schemas_or_tables_alone_are_dumped()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE SCHEMA a", "CREATE SCHEMA b", "CREATE TABLE a.t AS SELECT 1 AS x", "CREATE TABLE a.u AS SELECT 1 AS x", "CREATE TABLE b.t AS SELECT 1 AS x");
        bench.Configure(keys: "schemas: [a]");
        await bench.DoAsync("backup");
        await bench.DoAsync("restore", "shop", "--to", bench.Database + "_schema");
        Assert.Equal(["a.t", "a.u"], Tables(bench.Database + "_schema"));
        bench.Configure(keys: "tables: [b.*]");
        await bench.DoAsync("backup");
        await bench.DoAsync("verify");
        await bench.DoAsync("drill");
        await bench.DoAsync("restore", "shop", "--to", bench.Database + "_tables");
        Assert.Equal(["b.t"], Tables(bench.Database + "_tables"));
    }

    [SkippableFact]
    public async Task A_differential_backup_as_the_document_writes_it_restores_with_its_full_one()
    {
        using var bench = new DatabaseBench(cluster);
        bench.Execute("CREATE TABLE datasets (id serial PRIMARY KEY, name text)", "CREATE TABLE files (dataset int REFERENCES datasets (id), path text)", "CREATE TABLE audit_logs (line text)");
        bench.Execute("INSERT INTO datasets (name) SELECT 'd' || i FROM generate_series(1, 50) i", "INSERT INTO files SELECT id, 'f' FROM datasets", "INSERT INTO audit_logs VALUES ('before')");
        bench.Configure(keys: "differentialExcludes: [audit_logs]");
        await bench.DoAsync("backup");
        bench.Execute("DELETE FROM files WHERE dataset = 1", "DELETE FROM datasets WHERE id = 1", "INSERT INTO datasets (name) VALUES ('new')", "INSERT INTO audit_logs VALUES ('after')");

        await bench.DoAsync("backup", "--type", "differential");
        var dump = Assert.Single(Directory.GetFiles(bench.Store, "*.data.dump"));
        var listed = await Shell.RunAsync("pg_restore", "-l", dump);
        Assert.Contains("TABLE DATA public datasets", listed, StringComparison.Ordinal);
        Assert.DoesNotContain("audit_logs", listed, StringComparison.Ordinal);
        await bench.DoAsync("verify", "--all");
        await bench.DoAsync("drill");
        await bench.DoAsync("restore", "shop", "--to", bench.Database + "_d");
        Assert.Equal(["50|d10|new|49|before|51"], bench.Rows("SELECT count(*), min(name), max(name), (SELECT count(*) FROM files), (SELECT string_agg(line, ',') FROM audit_logs), (SELECT last_value FROM datasets_id_seq) FROM datasets", bench.Database + "_d"));
        Assert.Equal(["1"], bench.Rows("SELECT count(*) FROM pg_constraint WHERE contype = 'f'", bench.Database + "_d"));

        bench.Execute("ALTER TABLE files ADD COLUMN size bigint");
        var said = await bench.DoAsync("backup", "--type", "differential");
        Assert.Contains("the definitions of the tables changed since", said.Output + said.Error, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFiles(bench.Store, "*.dump").Count(file => !file.EndsWith(".data.dump", StringComparison.Ordinal)));
    }

    [SkippableFact]
    public async Task Every_database_of_a_server_is_a_source_and_new_ones_are_picked_up()
    {
        using var bench = new DatabaseBench(cluster);
        cluster.Execute("postgres", $"CREATE DATABASE {bench.Database}_b", $"CREATE DATABASE {bench.Database}_pre_restore_20260101000000");
        bench.Configure(cluster.Uri("x").Replace("/x?", $"/{bench.Database}*?", StringComparison.Ordinal));
        await bench.DoAsync("backup");
        Assert.Equal([bench.Database, bench.Database + "_b"], Made());
        cluster.Execute("postgres", $"CREATE DATABASE {bench.Database}_c");
        await bench.DoAsync("backup");
        Assert.Equal([bench.Database, bench.Database + "_b", bench.Database + "_c"], Made());

        IEnumerable<string?> Made() => Directory.GetDirectories(bench.Store).Select(Path.GetFileName).Order(StringComparer.Ordinal);
    }

    private static async Task<string> RefusedHint(DatabaseBench bench, params string[] arguments)
    {
        var result = await bench.Place.RunAsync(arguments);
        Assert.Equal(5, result.Code);
        return result.Error;
    }

    private IReadOnlyList<string> Tables(string database) => cluster.Rows(database, "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1");

    /// <summary>All that a database holds, as text.</summary>
    private string State(string database)
    {
        var relations = cluster.Rows(database, "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1");
        var definitions = cluster.Rows(database, "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0 ORDER BY 1, 2").Concat(cluster.Rows(database, "SELECT pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace::regnamespace::text !~ '^pg_' ORDER BY 1")).Concat(cluster.Rows(database, "SELECT extname FROM pg_extension ORDER BY 1"));
        var rows = relations.SelectMany(relation => cluster.Rows(database, relation.Contains("counter", StringComparison.Ordinal) || relation.Contains("_seq", StringComparison.Ordinal) ? $"SELECT last_value FROM {relation}" : $"SELECT t::text FROM ONLY {relation} t ORDER BY 1").Prepend(relation));
        var objects = cluster.Rows(database, "SELECT md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1");
        return string.Join('\n', [.. definitions, .. rows, .. objects]);
    }
}
