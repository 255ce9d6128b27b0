using Microsoft.Data.Sqlite;
using SQLitePCL;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// <c>PRAGMA integrity_check</c> on a private copy (runbook §3.1 step 4), told apart: what is damage of the file, what is sound
/// and breaks a rule of its schema, and what only its application could check.
/// </summary>
internal sealed class SqliteIntegrity
{
    // Broken rules come once for each row, behind all damage to pages. What is behind so many is looked at in a second pass.
    private const int FirstLook = 1000;

    // Different ones: a broken rule has one for all its rows, damage one for each.
    private const int MostRows = 100_000;

    private readonly string path;
    private readonly BareConnection bare;
    private readonly SqliteSchema schema;
    private readonly IntegrityReport report = new();

    private SqliteIntegrity(string path, BareConnection bare, SqliteSchema schema)
    {
        this.path = path;
        this.bare = bare;
        this.schema = schema;
    }

    /// <returns>A finding for damage of the file alone; the rest is its note.</returns>
    /// <exception cref="BackupException">The copy could not be read; that is no finding.</exception>
    public static ContentCheck Check(string path, CancellationToken cancellationToken)
    {
        if (new FileInfo(path).Length == 0)
            return new ContentCheck("it is empty (0 bytes), which is no database"); // SQLite would take it for one without tables
        try
        {
            return Run(path, cancellationToken);
        }
        catch (SqliteException interrupted) when (interrupted.SqliteErrorCode == SqliteError.Interrupt)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
        catch (SqliteException damage) when (SqliteError.IsDamage(damage))
        {
            return new ContentCheck(SqliteError.Reason(damage));
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, path);
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            throw IoFailure.Translate(failure, $"read database '{path}'", Path.GetDirectoryName(path)!);
        }
    }

    /// <summary>
    /// One connection has all that SQLite brings, and opens virtual tables. The others have no modules, and stand-ins for what
    /// is missing, so that neither stops the check of everything else. Pages and rules are looked at side by side.
    /// </summary>
    private static ContentCheck Run(string path, CancellationToken cancellationToken)
    {
        using var asItIs = PrivateCopy.Open(path);
        using var stop = cancellationToken.Register(() => raw.sqlite3_interrupt(asItIs.Handle));
        cancellationToken.ThrowIfCancellationRequested(); // an interrupt before the statement began has no effect
        var found = SqliteSchema.Read(asItIs);
        var asking = Task.Run(() => SqliteRules.Ask(path, found, cancellationToken), CancellationToken.None);
        try
        {
            using var connection = new BareConnection(path, found.Missing, cancellationToken);
            var check = new SqliteIntegrity(path, connection, found);
            check.Run(cancellationToken);
            if (check.report.Damage is { } damage)
                return new ContentCheck(damage);
            check.report.Add(asking.GetAwaiter().GetResult());
            foreach (var table in found.VirtualTables)
                CheckVirtual(asItIs, table, check.report);
            return new ContentCheck(check.report.Damage, Note: check.report.Note);
        }
        finally
        {
            Task.WaitAny([asking], CancellationToken.None); // the caller deletes the file
        }
    }

    private void Run(CancellationToken cancellationToken)
    {
        var isWhole = CheckPages();
        if (report.Damage is null && (!isWhole || schema.HasRootless))
            CheckMap(cancellationToken);
    }

    /// <returns>False when SQLite refused to check all tables at once.</returns>
    private bool CheckPages()
    {
        try
        {
            if (!Sort(table: null, FirstLook))
                Sort(table: null);
            return true;
        }
        catch (SqliteException refused) when (refused.SqliteErrorCode == raw.SQLITE_ERROR)
        {
            foreach (var table in schema.Tables)
                CheckAlone(table);
            return false;
        }
    }

    private void CheckAlone(SchemaTree table)
    {
        try
        {
            Sort(table.Name);
        }
        catch (SqliteException refused) when (refused.SqliteErrorCode == raw.SQLITE_ERROR)
        {
            report.NotChecked($"table {table.Name} ({SqliteError.Reason(refused)})");
        }
    }

    /// <summary>Takes the rows of a check into the report.</summary>
    /// <param name="table">Null: of all.</param>
    /// <returns>False when it came to none of them but so many broken rules that damage may lie behind: then it took nothing.</returns>
    private bool Sort(string? table, int most = int.MaxValue)
    {
        report.Listing = $"PRAGMA integrity_check{(table is null ? "" : $"({SqliteSchema.Quote(table)})")}";
        bare.StandIns.Forget();
        var rows = new IntegrityRows();
        using (var command = bare.Connection.CreateCommand())
        {
            command.CommandText = table is null ? $"{report.Listing}({most})" : report.Listing;
            using var reader = command.ExecuteReader();
            while (rows.Kinds < MostRows && Read(reader, rows))
                rows.Add(reader.GetString(0));
        }

        if (rows.Kinds == 1)
            rows.RemoveOk();
        var called = bare.StandIns.Called; // before anything else is asked
        var sorted = rows.Sort(schema, rows.Kinds == 0 ? new(StringComparer.Ordinal) : schema.RulesOf(bare.Connection), called);
        if (rows.Count >= most && sorted.Damage.Count == 0)
            return false;
        var explained = sorted.Unclear.GroupBy(one => one.Tree, one => one.Rows).Where(place => IsExplained(place.Key, [.. place])).Select(place => place.Key.Name).ToHashSet(StringComparer.Ordinal);
        report.Add(sorted with { Broken = [.. sorted.Broken.Where(one => one.Rule.Index is not { } index || !explained.Contains(index))] });
        return true;
    }

    /// <summary>
    /// An application may give a function or a collation of SQLite's own another meaning. Then only keys that differ from their
    /// rows are damage, and whether they are unique nobody else can say.
    /// </summary>
    private bool IsExplained(SchemaTree tree, IReadOnlyList<FoundRows> rows)
    {
        var order = KeyOrder.Of(bare.Connection, schema, tree);
        if (order.MayDiffer && (order.IsOfSomeRows || rows.All(found => found.First != IntegrityRows.WrongCount(tree))) && order.FitsRows(bare.Connection))
        {
            report.NotChecked(order.NotChecked);
            return true;
        }

        foreach (var found in rows)
            report.Damaged(found);
        return false;
    }

    /// <summary>What it said before it came to what it can't read says more than that it can't.</summary>
    private static bool Read(SqliteDataReader reader, IntegrityRows before)
    {
        try
        {
            return reader.Read();
        }
        catch (SqliteException damage) when (SqliteError.IsDamage(damage) && before.Kinds > 0)
        {
            before.Add(SqliteError.Reason(damage));
            return false;
        }
    }

    /// <summary>
    /// With a view or a virtual table at the head of its list, SQLite takes the check for one of a single table, and leaves out
    /// what is free, what is in use twice, and what is never used.
    /// </summary>
    private void CheckMap(CancellationToken cancellationToken)
    {
        Sort("sqlite_schema"); // of one table, and the list of free pages
        if (report.Damage is not null)
            return;
        using var command = bare.Connection.CreateCommand();
        command.CommandText = "PRAGMA page_count";
        var findings = PageMap.Check(path, (uint)(long)command.ExecuteScalar()!, schema.Trees.Select(tree => (tree.Name, tree.Root)).Prepend(("sqlite_schema", 1u)), cancellationToken);
        if (findings.Count > 0) // nothing else lists them
            report.Damaged(new FoundRows(string.Join("; ", findings)));
    }

    /// <summary>What a module says of its content is told, and is no damage: its pages are sound, and none of its rules is the file's.</summary>
    private static void CheckVirtual(SqliteConnection connection, string table, IntegrityReport report)
    {
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = $"PRAGMA table_xinfo({SqliteSchema.Quote(table)}); PRAGMA integrity_check({SqliteSchema.Quote(table)})"; // only the first fails for want of a module
            using var reader = command.ExecuteReader();
            reader.NextResult();
            while (reader.Read())
            {
                if (reader.GetString(0) is var row and not "ok")
                    report.Broken([(new BrokenRule(table, $"virtual table {table}: {IntegrityReport.OneLine(row)}"), 1)]);
            }
        }
        catch (SqliteException refused) when (refused.SqliteErrorCode == raw.SQLITE_ERROR || SqliteError.IsDamage(refused))
        {
            report.NotChecked($"virtual table {table} ({SqliteError.Reason(refused)})");
        }
    }
}
