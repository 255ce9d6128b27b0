using Microsoft.Data.Sqlite;
using SQLitePCL;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary><c>PRAGMA integrity_check</c> on a private copy (runbook §3.1 step 4).</summary>
internal static class SqliteIntegrity
{
    private const int Interrupted = 9;
    private const int MostProblems = 3;

    // What SQLite says of a schema that uses something its application adds to SQLite.
    private const string NoCollation = "no such collation sequence: ";
    private const string NoFunction = "unknown function: ";

    /// <returns>No finding when the check says ok, otherwise its first ones; and what it had to leave out.</returns>
    /// <exception cref="BackupException">The copy could not be read; that is no finding.</exception>
    public static ContentCheck Check(string path, CancellationToken cancellationToken)
    {
        if (new FileInfo(path).Length == 0)
            return new ContentCheck("it is empty (0 bytes), which is no database"); // SQLite would take it for one without tables
        try
        {
            using var connection = PrivateCopy.Open(path);
            using var interrupt = cancellationToken.Register(() => raw.sqlite3_interrupt(connection.Handle));
            cancellationToken.ThrowIfCancellationRequested(); // an interrupt before the statement began has no effect
            return Run(connection);
        }
        catch (SqliteException interrupted) when (interrupted.SqliteErrorCode == Interrupted)
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
    }

    private static ContentCheck Run(SqliteConnection connection)
    {
        try
        {
            return new ContentCheck(Run(connection, "integrity_check"));
        }
        catch (SqliteException) when (UnknownName(connection) is { } name)
        {
            return RunWithStandIns(connection, name);
        }
    }

    /// <summary>
    /// Only the application has the collations and functions that its indexes and constraints are made with. With
    /// stand-ins for them, everything but the order in indexes and the constraints can still be checked.
    /// </summary>
    private static ContentCheck RunWithStandIns(SqliteConnection connection, (string? Collation, string? Function) unknown)
    {
        var given = new HashSet<(string?, string?)>();
        var missing = new List<string>();
        while (true)
        {
            given.Add(unknown);
            missing.Add(unknown.Collation is { } collation ? $"the collation {collation}" : $"the function {unknown.Function}()");
            if (unknown.Collation is { } order)
                connection.CreateCollation(order, string.CompareOrdinal);
            if (unknown.Function is { } function)
                connection.CreateFunction(function, (object?[] _) => (object?)null, isDeterministic: true);
            try
            {
                return new ContentCheck(Run(connection, "quick_check"), Note: $"not checked: indexes against their tables, and what needs {string.Join(" and ", missing)}, which only the application has");
            }
            catch (SqliteException) when (UnknownName(connection) is { } another && !given.Contains(another))
            {
                unknown = another;
            }
        }
    }

    private static (string? Collation, string? Function)? UnknownName(SqliteConnection connection) => raw.sqlite3_errmsg(connection.Handle).utf8_to_string() switch
    {
        var reason when reason.StartsWith(NoCollation, StringComparison.Ordinal) => (reason[NoCollation.Length..], null),
        var reason when reason.StartsWith(NoFunction, StringComparison.Ordinal) => (null, reason[NoFunction.Length..].TrimEnd('(', ')')),
        _ => null,
    };

    private static string? Run(SqliteConnection connection, string pragma)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"PRAGMA {pragma}({MostProblems})";
        using var reader = command.ExecuteReader();
        var findings = new List<string>();
        while (reader.Read())
            findings.Add(reader.GetString(0).ReplaceLineEndings(" ").Trim()); // one of several lines would break every table and template that shows it
        return findings is ["ok"] ? null : string.Join("; ", findings);
    }
}
