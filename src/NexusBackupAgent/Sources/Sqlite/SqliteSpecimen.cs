using Microsoft.Data.Sqlite;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A database of two thousand incidents.</summary>
internal sealed class SqliteSpecimen : ISpecimen
{
    private readonly string database;
    private int changes;

    /// <param name="directory">Empty; everything is made in it.</param>
    /// <exception cref="Common.BackupException">It can't be made.</exception>
    public SqliteSpecimen(string directory, ScratchDirectory scratch, TimeProvider timeProvider)
    {
        SqliteLibrary.Initialize();
        database = Path.Combine(directory, "sample.db");
        Source = new SqliteSource(database, scratch, TimeSpan.FromSeconds(10), timeProvider);

        // Large enough for several gzip members, and with an index, which integrity_check compares with its table.
        Execute("""
            PRAGMA journal_mode = DELETE;
            CREATE TABLE incidents (id INTEGER PRIMARY KEY, title TEXT NOT NULL, notes BLOB NOT NULL);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO incidents SELECT i, 'INC-' || i || ' printer on fire', randomblob(700) FROM n;
            CREATE INDEX incidents_by_title ON incidents (title);
            """);
    }

    public IBackupSource Source { get; }

    public void Change() => Execute(changes++ == 0
        ? "UPDATE incidents SET title = title || '!' WHERE id % 7 = 0"
        : "UPDATE incidents SET title = title || '?' WHERE id % 500 = 0");

    /// <summary>Overwrites a page in the middle: the file is still a database, and no longer a sound one.</summary>
    public void Damage()
    {
        using var file = new FileStream(database, FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2 / 4096 * 4096;
        var noise = new byte[4096];
        Array.Fill(noise, (byte)0xA5);
        file.Write(noise);
    }

    private void Execute(string sql)
    {
        try
        {
            using var connection = PrivateCopy.ForWriting(database, SqliteOpenMode.ReadWriteCreate);
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }
        catch (SqliteException failure)
        {
            throw SqliteFailure.Translate(failure, database);
        }
    }
}
