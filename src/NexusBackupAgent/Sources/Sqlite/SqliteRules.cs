using Microsoft.Data.Sqlite;
using SQLitePCL;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Asks what <c>integrity_check</c> does not tell of a database that is opened read-only: whether its rows keep CHECKs and foreign keys.</summary>
internal sealed class SqliteRules
{
    private readonly BareConnection bare;
    private readonly IntegrityReport report = new();

    private SqliteRules(BareConnection bare) => this.bare = bare;

    /// <exception cref="SqliteException">The database is damaged, or can't be read.</exception>
    public static IntegrityReport Ask(string path, SqliteSchema schema, CancellationToken cancellationToken)
    {
        using var connection = new BareConnection(path, schema.Missing, cancellationToken);
        var rules = new SqliteRules(connection);
        foreach (var table in schema.Tables)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (table.Checks.Count > 0)
                rules.AskChecks(table);
            if (table.MayRefer)
                rules.AskForeignKeys(table);
        }

        return rules.report;
    }

    private void AskChecks(SchemaTree table) => Ask(
        $"CHECK of table {table.Name}",
        $"SELECT {string.Join(", ", table.Checks.Select(check => $"count(*) FILTER (WHERE NOT {check})"))} FROM {SqliteSchema.Quote(table.Name)}",
        row => table.Checks.Select((check, index) => (new BrokenRule(table.Name, $"CHECK {IntegrityReport.OneLine(check)} of table {table.Name}"), row.GetInt64(index))));

    private void AskForeignKeys(SchemaTree table) => Ask(
        $"foreign keys of table {table.Name}",
        $"PRAGMA foreign_key_check({SqliteSchema.Quote(table.Name)})",
        row => [(new BrokenRule(table.Name, $"foreign key from table {table.Name} to {row.GetString(2)}"), 1)]);

    /// <param name="what">For people, when it can't be asked, or only with stand-ins.</param>
    private void Ask(string what, string sql, Func<SqliteDataReader, IEnumerable<(BrokenRule Rule, long Rows)>> broken)
    {
        bare.StandIns.Forget();
        var asked = new IntegrityReport();
        try
        {
            using var command = bare.Connection.CreateCommand();
            command.CommandText = sql;
            using var reader = command.ExecuteReader();
            while (reader.Read())
                asked.Broken(broken(reader));
        }
        catch (SqliteException refused) when (refused.SqliteErrorCode == raw.SQLITE_ERROR)
        {
            report.NotChecked($"{what} ({SqliteError.Reason(refused)})");
            return;
        }

        if (bare.StandIns.Called is { Count: > 0 } called)
            report.NotChecked($"{what} (only the application has {string.Join(" and ", called)})");
        else
            report.Add(asked);
    }
}
