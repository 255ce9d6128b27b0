using Microsoft.Data.Sqlite;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A table or an index that has pages of its own.</summary>
/// <param name="Name">As written.</param>
/// <param name="Table">Whose index it is; its own name of a table.</param>
/// <param name="Root">Its first page.</param>
/// <param name="Sql">Empty of an index that SQLite made for a constraint.</param>
/// <param name="Checks">The conditions of a table's CHECKs.</param>
/// <param name="Uses">What its columns or its index name and SQLite lacks; what only a CHECK names is not among it.</param>
internal sealed record SchemaTree(string Name, string Table, uint Root, string Sql, IReadOnlyList<string> Checks, IReadOnlyList<SqlName> Uses)
{
    public bool IsTable => Name == Table;

    public bool MayRefer => IsTable && Sql.Contains("references", StringComparison.OrdinalIgnoreCase);
}

/// <summary>What a check needs to know of a database's schema.</summary>
/// <param name="Trees">Tables and indexes with pages of their own.</param>
/// <param name="VirtualTables">Their names.</param>
/// <param name="HasRootless">Whether it has views or virtual tables.</param>
/// <param name="Missing">Functions and collations that may be needed and that SQLite lacks.</param>
internal sealed record SqliteSchema(IReadOnlyList<SchemaTree> Trees, IReadOnlyList<string> VirtualTables, bool HasRootless, IReadOnlyList<SqlName> Missing)
{
    // Of a STRICT table; what other columns are declared as is only an inclination.
    private static readonly string[] StrictTypes = ["ANY", "BLOB", "INT", "INTEGER", "REAL", "TEXT"];

    public IEnumerable<SchemaTree> Tables => Trees.Where(tree => tree.IsTable);

    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public static SqliteSchema Read(SqliteConnection connection)
    {
        var there = new HashSet<SqlName>();
        foreach (var function in Column(connection, "PRAGMA function_list", 0))
            there.Add(new SqlName(IsCollation: false, function.ToLowerInvariant()));
        foreach (var collation in Column(connection, "PRAGMA collation_list", 1))
            there.Add(new SqlName(IsCollation: true, collation.ToLowerInvariant()));

        var (trees, virtualTables, missing, hasRootless) = (new List<SchemaTree>(), new List<string>(), new HashSet<SqlName>(), false);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT type, name, tbl_name, rootpage, coalesce(sql, '') FROM sqlite_schema WHERE type <> 'trigger'";
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var (type, name, sql) = (reader.GetString(0), reader.GetString(1), reader.GetString(4));
            var root = reader.IsDBNull(3) ? 0 : reader.GetInt64(3);
            hasRootless |= root == 0;
            if (root != 0)
            {
                var checks = SqlText.ChecksIn(sql);
                var others = checks.Aggregate(sql, (rest, check) => rest.Replace(check, " ", StringComparison.Ordinal));
                trees.Add(new SchemaTree(name, reader.GetString(2), (uint)root, sql, checks, [.. SqlText.NamesIn(others).Where(one => !there.Contains(one))]));
                missing.UnionWith(SqlText.NamesIn(sql).Where(one => !there.Contains(one)));
            }
            else if (type == "table")
            {
                virtualTables.Add(name);
            }
        }

        return new SqliteSchema(trees, virtualTables, hasRootless, [.. missing]);
    }

    /// <summary>
    /// The rows that <c>integrity_check</c> gives for a broken rule of this schema, each with the rule. SQLite tells them in
    /// no other way; its own <c>ALTER TABLE</c> knows them by these forms. Rows of any other form are damage. CHECKs are not
    /// among them: SQLite leaves those out of what it opens read-only.
    /// </summary>
    public Dictionary<string, BrokenRule> RulesOf(SqliteConnection connection)
    {
        var rules = new Dictionary<string, BrokenRule>(StringComparer.Ordinal);
        foreach (var index in Trees.Where(tree => !tree.IsTable))
            rules[$"non-unique entry in index {index.Name}"] = new BrokenRule(index.Table, $"UNIQUE of table {index.Table} (index {index.Name})", index.Name);
        foreach (var table in Tables.Select(table => table.Name))
        {
            foreach (var column in Column(connection, $"PRAGMA table_xinfo({Quote(table)})", 1))
            {
                rules[$"NULL value in {table}.{column}"] = new BrokenRule(table, $"NOT NULL of {table}.{column}");
                foreach (var row in (string[])[.. StrictTypes.Select(type => $"non-{type}"), "NUMERIC", "TEXT"])
                    rules[$"{row} value in {table}.{column}"] = new BrokenRule(table, $"the type of {table}.{column}");
            }
        }

        return rules;
    }

    private static List<string> Column(SqliteConnection connection, string pragma, int column)
    {
        using var command = connection.CreateCommand();
        command.CommandText = pragma;
        using var reader = command.ExecuteReader();
        var values = new List<string>();
        while (reader.Read())
            values.Add(reader.GetString(column));
        return values;
    }
}
