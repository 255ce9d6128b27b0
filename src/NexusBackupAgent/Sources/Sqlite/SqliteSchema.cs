using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Platform;
using SQLitePCL;

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
            there.Add(new SqlName(IsCollation: false, SqlName.Fold(function)));
        foreach (var collation in Column(connection, "PRAGMA collation_list", 1))
            there.Add(new SqlName(IsCollation: true, SqlName.Fold(collation)));

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

/// <summary>
/// A private copy as SQLite sees it that has nothing but itself: no modules, so that it opens no virtual table and checks the
/// tables with their content as any other, and stand-ins for what its schema names and SQLite lacks.
/// </summary>
internal sealed class BareConnection : IDisposable
{
    private readonly CancellationTokenRegistration stop;

    /// <exception cref="OperationCanceledException">It was stopped before.</exception>
    public BareConnection(string path, IReadOnlyList<SqlName> missing, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Connection = PrivateCopy.Open(path);
        StandIns.DropModules(Connection);
        StandIns = new StandIns(Connection, missing);
        stop = cancellationToken.Register(() => raw.sqlite3_interrupt(Connection.Handle));
    }

    public SqliteConnection Connection { get; }

    public StandIns StandIns { get; }

    public void Dispose()
    {
        stop.Dispose();
        Connection.Dispose();
        StandIns.Dispose();
    }
}

/// <summary>
/// Takes the place of functions and collations that only the application has, so that SQLite can go through a schema that
/// names them, and notes which of them were called: what was found with those counts for nothing.
/// </summary>
internal sealed unsafe partial class StandIns : IDisposable
{
    private const int Utf8 = 1;
    private const int Deterministic = 0x800; // otherwise none may be used in an index

    private readonly IReadOnlyList<SqlName> names;
    private readonly byte* called;

    /// <param name="connection">Not used yet: SQLite looks functions up when it reads the schema. No statement of it outlives this.</param>
    public StandIns(SqliteConnection connection, IReadOnlyList<SqlName> names)
    {
        this.names = names;
        called = (byte*)NativeMemory.AllocZeroed((nuint)names.Count + 1);
        var database = connection.Handle!.DangerousGetHandle();
        for (var index = 0; index < names.Count; index++)
        {
            // A name that SQLite refuses (longer than 255 bytes) can't be in use either.
            if (names[index].IsCollation)
                _ = CreateCollation(database, names[index].Name, Utf8, called + index, &Compare, null);
            else
                _ = CreateFunction(database, names[index].Name, -1, Utf8 | Deterministic, called + index, &Call, null, null, null);
        }
    }

    /// <summary>Those that were called since the last <see cref="Forget"/>.</summary>
    public HashSet<SqlName> Called => [.. names.Where((_, index) => called[index] != 0)];

    public void Forget() => NativeMemory.Clear(called, (nuint)names.Count);

    /// <summary>Leaves a connection without modules, so that it opens no virtual table.</summary>
    public static void DropModules(SqliteConnection connection) => _ = DropModules(connection.Handle!.DangerousGetHandle(), null);

    public void Dispose() => NativeMemory.Free(called);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Compare(void* called, int firstLength, byte* first, int secondLength, byte* second)
    {
        *(byte*)called = 1;
        return new ReadOnlySpan<byte>(first, firstLength).SequenceCompareTo(new ReadOnlySpan<byte>(second, secondLength));
    }

    /// <summary>Without a result it is NULL, which breaks no CHECK.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Call(nint context, int count, void* values) => *(byte*)UserData(context) = 1;

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_drop_modules")]
    private static partial int DropModules(nint database, void* keep);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_create_collation_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateCollation(nint database, string name, int encoding, void* data, delegate* unmanaged[Cdecl]<void*, int, byte*, int, byte*, int> compare, void* destroy);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_create_function_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateFunction(nint database, string name, int count, int flags, void* data, delegate* unmanaged[Cdecl]<nint, int, void*, void> call, void* step, void* final, void* destroy);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_user_data")]
    private static partial void* UserData(nint context);
}
