using Microsoft.Data.Sqlite;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Opens a database file that nobody else uses.</summary>
internal static class PrivateCopy
{
    /// <summary>Immutable: SQLite needs no locks, writes nothing, and leaves no <c>-wal</c> or <c>-shm</c> beside it.</summary>
    public static SqliteConnection Open(string path)
    {
        SqliteLibrary.Initialize();
        var connection = new SqliteConnection($"Data Source=file:{Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal)}?immutable=1;Mode=ReadOnly;Pooling=False");
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
