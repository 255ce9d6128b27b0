using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Benchmarks.Data;

/// <summary>A database of pictures and scans: rows that do not compress. One seed and one size always give the same content.</summary>
internal static class PictureDatabase
{
    private const int RowsPerTransaction = 100;

    /// <summary>Makes the database in WAL mode, replacing what is there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">It grows until it is at least this long.</param>
    public static void Create(string path, long bytes)
    {
        SqliteLibrary.Initialize();
        foreach (var leftover in (string[])[path, path + "-wal", path + "-shm", path + "-journal"])
            File.Delete(leftover);
        using var connection = ItsmDatabase.Open(path);
        ItsmDatabase.Execute(connection, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE pictures (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL)");
        var text = new ItsmText(new Random(20260215));
        using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO pictures VALUES (NULL, $name, $content)";
        for (var id = 1; new FileInfo(path).Length < bytes; id += RowsPerTransaction)
        {
            using var transaction = connection.BeginTransaction();
            insert.Transaction = transaction;
            for (var row = id; row < id + RowsPerTransaction; row++)
            {
                insert.Parameters.Clear();
                insert.Parameters.AddWithValue("$name", $"画面_{row}.png");
                insert.Parameters.AddWithValue("$content", text.Noise(20_000 + text.Random.Next(80_000)));
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        ItsmDatabase.Execute(connection, "PRAGMA journal_mode = WAL");
    }
}
