using Microsoft.Data.Sqlite;
using SQLitePCL;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Asks a private copy one question. What an operator wrote into the configuration can't change anything: the file is
/// opened read-only, and SQLite may compile nothing but reading: no ATTACH, which leaves files beside another database, and
/// no PRAGMA that sets something for the whole process.
/// </summary>
internal static class SqliteProbe
{
    // A count or a time is short; whole documents do not belong into a result that is kept and shown.
    private const int LongestAnswer = 200;

    // Of SQLite's virtual machine: well below a millisecond.
    private const int OperationsBetweenLooks = 10_000;

    // Without a value they only tell; data_version is what full-text search asks for itself.
    private static readonly HashSet<string> Pragmas = new(["user_version", "application_id", "foreign_key_check", "data_version"], StringComparer.OrdinalIgnoreCase);

    /// <exception cref="BackupException">The question could not be asked (<see cref="FailureKind.Restore"/>).</exception>
    public static ProbeAnswer Ask(string path, string sql, CancellationToken cancellationToken)
    {
        try
        {
            // An index of a collation that only the application has may serve an answer that does not depend on it.
            var missing = MissingIn(path);
            using var connection = PrivateCopy.Open(path);
            using var standIns = new StandIns(connection, missing);
            // Asked again and again: an interrupt that comes just before the statement begins would have no effect.
            raw.sqlite3_progress_handler(connection.Handle, OperationsBetweenLooks, _ => cancellationToken.IsCancellationRequested ? 1 : 0, null);
            raw.sqlite3_set_authorizer(connection.Handle, MayOnlyRead, null);
            using var statement = Prepare(connection.Handle!, sql);
            var answer = FirstRow(connection.Handle!, statement);
            return standIns.Called is { Count: > 0 } called ? throw Refuse($"it needs {string.Join(" and ", called)}, which only the application has") : answer;
        }
        catch (BackupException)
        {
            cancellationToken.ThrowIfCancellationRequested(); // then it was the stopped query that failed
            throw;
        }
        catch (SqliteException failure)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Refuse(SqliteError.Reason(failure));
        }
    }

    private static IReadOnlyList<SqlName> MissingIn(string path)
    {
        using var connection = PrivateCopy.Open(path);
        return SqliteSchema.Read(connection).Missing;
    }

    private static int MayOnlyRead(object data, int action, string first, string second, string database, string inner) => action switch
    {
        raw.SQLITE_SELECT or raw.SQLITE_READ or raw.SQLITE_RECURSIVE => raw.SQLITE_OK,
        raw.SQLITE_FUNCTION when !string.Equals(second, "load_extension", StringComparison.OrdinalIgnoreCase) => raw.SQLITE_OK,
        raw.SQLITE_PRAGMA when second is null && Pragmas.Contains(first) => raw.SQLITE_OK,
        _ => raw.SQLITE_DENY,
    };

    private static sqlite3_stmt Prepare(sqlite3 database, string sql)
    {
        var statement = Compile(database, sql, out var rest);
        try
        {
            if (statement.IsInvalid)
                throw Refuse("it asks nothing");
            if (raw.sqlite3_stmt_readonly(statement) == 0)
                throw Refuse("it would write or reach beyond the copy, and a probe only reads");
            using var second = Compile(database, rest, out _);
            return second.IsInvalid ? statement : throw Refuse("it has more than one statement");
        }
        catch
        {
            statement.Dispose();
            throw;
        }
    }

    private static sqlite3_stmt Compile(sqlite3 database, string sql, out string rest) => raw.sqlite3_prepare_v2(database, sql, out var statement, out rest) switch
    {
        raw.SQLITE_OK => statement,
        raw.SQLITE_AUTH => throw Refuse("it would write or reach beyond the copy, and a probe only reads"),
        _ => throw Refuse(Reason(database)),
    };

    private static ProbeAnswer FirstRow(sqlite3 database, sqlite3_stmt statement) => raw.sqlite3_step(statement) switch
    {
        raw.SQLITE_ROW when raw.sqlite3_column_type(statement, 0) == raw.SQLITE_NULL => new ProbeAnswer(HasRow: true, Text: null),
        raw.SQLITE_ROW => new ProbeAnswer(HasRow: true, Shorten(raw.sqlite3_column_text(statement, 0).utf8_to_string())),
        raw.SQLITE_DONE => new ProbeAnswer(HasRow: false, Text: null),
        _ => throw Refuse(Reason(database)),
    };

    private static string Shorten(string text) => text.Length <= LongestAnswer ? text : text[..LongestAnswer] + "…";

    private static string Reason(sqlite3 database) => raw.sqlite3_errmsg(database).utf8_to_string();

    private static BackupException Refuse(string why) => new(
        FailureKind.Restore, $"the probe could not be asked: {why}", "try its SQL on the database (sqlite3 -readonly), and mend it in drill.probe");
}
