using Microsoft.Data.Sqlite;
using NexusBackupAgent.Common;
using SQLitePCL;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary><c>PRAGMA integrity_check</c> on a private copy (runbook §3.1 step 4).</summary>
internal static class SqliteIntegrity
{
    private const int Interrupted = 9;
    private const int MostProblems = 3;

    /// <returns>Null when the check says ok, otherwise its first findings.</returns>
    /// <exception cref="BackupException">The copy could not be read; that is no finding.</exception>
    public static string? Check(string path, CancellationToken cancellationToken)
    {
        SqliteLibrary.Initialize();
        try
        {
            // Immutable: nobody else has this copy, so SQLite needs no locks and leaves no -wal or -shm beside it.
            using var connection = new SqliteConnection($"Data Source=file:{Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal)}?immutable=1;Mode=ReadOnly;Pooling=False");
            connection.Open();
            using var interrupt = cancellationToken.Register(() => raw.sqlite3_interrupt(connection.Handle));
            return Run(connection, "integrity_check");
        }
        catch (SqliteException interrupted) when (interrupted.SqliteErrorCode == Interrupted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
        catch (SqliteException damage) when (SqliteFailure.IsDamage(damage))
        {
            return SqliteFailure.Reason(damage);
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, path);
        }
    }

    private static string? Run(SqliteConnection connection, string pragma)
    {
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = $"PRAGMA {pragma}({MostProblems})";
            using var reader = command.ExecuteReader();
            var findings = new List<string>();
            while (reader.Read())
                findings.Add(reader.GetString(0));
            return findings is ["ok"] ? null : string.Join("; ", findings);
        }
        catch (SqliteException failure) when (pragma == "integrity_check" && failure.Message.Contains("no such collation sequence", StringComparison.Ordinal))
        {
            // Only the application has the collation that its indexes are sorted by; everything else can still be checked.
            return Run(connection, "quick_check");
        }
    }
}
