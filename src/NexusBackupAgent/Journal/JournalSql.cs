using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Journal;

/// <summary>One statement to the journal, and how its columns tell instants and failures.</summary>
internal static class JournalSql
{
    /// <summary>Runs one statement and returns how many rows it changed.</summary>
    public static int Execute(SqliteTransaction transaction, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Command(transaction, sql, parameters);
        return command.ExecuteNonQuery();
    }

    /// <summary>Runs one query and maps each row.</summary>
    public static List<T> Query<T>(SqliteTransaction transaction, string sql, Func<SqliteDataReader, T> map, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = Command(transaction, sql, parameters);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(map(reader));
        return rows;
    }

    /// <summary>How the journal writes an instant.</summary>
    public static long Milliseconds(DateTimeOffset instant) => instant.ToUnixTimeMilliseconds();

    /// <returns>UTC; null where nothing was written.</returns>
    public static DateTimeOffset? Instant(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));

    /// <summary>The failure that three columns tell: its kind, its message, its hint.</summary>
    /// <param name="column">The first of them.</param>
    /// <returns>Null where none was written.</returns>
    public static RunFailure? Failure(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : new RunFailure(Enum.Parse<FailureKind>(row.GetString(column)), row.GetString(column + 1), row.GetString(column + 2));

    private static SqliteCommand Command(SqliteTransaction transaction, string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }
}
