using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// What decides where a key stands in an index, or in a table without rowid. An application may give a function or a collation
/// of SQLite's own another meaning; this SQLite then looks for keys where they never were, and finds a sound file damaged.
/// </summary>
/// <param name="tree">The index, or the table.</param>
/// <param name="borrowed">What decides, and may have another meaning.</param>
/// <param name="where">Which rows an index is of; null: of all.</param>
/// <param name="rowId">By which name the number of a row is asked for; null where rows have none.</param>
/// <param name="columns">Those that an index holds as the table does.</param>
internal sealed class KeyOrder(SchemaTree tree, IReadOnlyList<SqlName> borrowed, string? where, string? rowId, IReadOnlyList<string> columns)
{
    private const int OfExpression = -2; // PRAGMA index_xinfo
    private const int OfRowId = -1;
    private const int Computed = 2; // PRAGMA table_xinfo: GENERATED ALWAYS AS … VIRTUAL

    public bool MayDiffer => borrowed.Count > 0;

    public bool IsOfSomeRows => where is not null;

    public string NotChecked =>
        $"{(tree.IsTable ? $"the order of table {tree.Name}" : $"index {tree.Name} of table {tree.Table}")} (it is not as SQLite's own {string.Join(" and ", borrowed.Select(name => name.Words))} would have it: its application has another one, or the keys are damaged and REINDEX mends them)";

    public static KeyOrder Of(SqliteConnection connection, SqliteSchema schema, SchemaTree tree)
    {
        var columns = Rows(connection, $"PRAGMA table_xinfo({SqliteSchema.Quote(tree.Table)})", row => (Name: row.GetString(1), IsComputed: row.GetInt32(6) == Computed));
        var keys = Rows(connection, $"PRAGMA index_xinfo({SqliteSchema.Quote(tree.Name)})", row => (Column: row.GetInt32(1), Collation: row.GetString(4), IsKey: row.GetInt32(5) != 0));
        var borrowed = new HashSet<SqlName>(keys.Where(key => key.IsKey && key.Collation != "BINARY").Select(key => new SqlName(IsCollation: true, SqlName.Fold(key.Collation))));
        var functions = Rows(connection, "PRAGMA function_list", row => new SqlName(IsCollation: false, SqlName.Fold(row.GetString(0)))).Except(schema.Missing).ToHashSet(); // without stand-ins
        if (!tree.IsTable)
            borrowed.UnionWith(SqlText.NamesIn(tree.Sql).Where(functions.Contains));
        if (keys.Any(key => key.Column >= 0 && columns[key.Column].IsComputed))
            borrowed.UnionWith(SqlText.NamesIn(schema.Tables.First(table => table.Name == tree.Table).Sql).Where(functions.Contains));
        var rowId = keys.Any(key => key.Column == OfRowId) ? ((string[])["rowid", "_rowid_", "oid"]).FirstOrDefault(name => !columns.Exists(column => SqlName.Fold(column.Name) == name)) : null;
        var asInTable = keys.Where(key => key.IsKey && key.Column is not (OfExpression or OfRowId) && !columns[key.Column].IsComputed).Select(key => columns[key.Column].Name);
        return new KeyOrder(tree, [.. borrowed], SqlText.WhereIn(tree.Sql), rowId, [.. asInTable]);
    }

    /// <summary>Whether each entry of an index is of a row that there is, and holds what the row holds: asked without any order.</summary>
    /// <returns>True also where that can't be told.</returns>
    public bool FitsRows(SqliteConnection connection)
    {
        if (tree.IsTable || rowId is null)
            return true;
        var held = string.Concat(columns.Select((column, index) => $", {SqliteSchema.Quote(column)} AS c{index}"));
        var differs = string.Concat(columns.Select((column, index) => $" OR i.c{index} IS NOT t.{SqliteSchema.Quote(column)} COLLATE BINARY"));
        var (table, some) = (SqliteSchema.Quote(tree.Table), where is null ? "" : $" WHERE {where}\n"); // a comment may end it
        var strays = $"SELECT count(*) FROM (SELECT {rowId} AS n{held} FROM {table} INDEXED BY {SqliteSchema.Quote(tree.Name)}{some}) AS i LEFT JOIN {table} AS t ON t.{rowId} = i.n WHERE t.{rowId} IS NULL{differs}";
        try
        {
            return Rows(connection, strays, row => row.GetInt64(0)) is [0];
        }
        catch (SqliteException refused) when (refused.SqliteErrorCode == raw.SQLITE_ERROR)
        {
            return true;
        }
    }

    private static List<T> Rows<T>(SqliteConnection connection, string sql, Func<SqliteDataReader, T> row)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(row(reader));
        return rows;
    }
}
