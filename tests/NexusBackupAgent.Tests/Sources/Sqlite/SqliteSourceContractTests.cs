using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>An SQLite database keeps to the contract of every kind.</summary>
public sealed class SqliteSourceContractTests : BackupSourceContract
{
    private string Database => Path.Combine(Directory.CreateDirectory(Path.Combine(Root, "data")).FullName, "app.db");

    private protected override IBackupSource Source => new SqliteSource(Database, Scratch, TimeSpan.FromSeconds(5), Clock);

    private protected override string Elsewhere => Path.Combine(Root, "data", "other.db");

    private protected override string Question => "SELECT note FROM t WHERE id = 1";

    private protected override Task MakeAsync(string text) => SqliteSamples.SqlAsync(
        Database, $"CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, note TEXT); CREATE INDEX IF NOT EXISTS by_note ON t (note); DELETE FROM t; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, '{text} ' || i FROM n;");

    private protected override async Task RuinAsync()
    {
        await using var file = new FileStream(Database, FileMode.Open, FileAccess.ReadWrite);
        file.Position = file.Length / 2 / 4096 * 4096;
        var noise = new byte[4096];
        Array.Fill(noise, (byte)0xA5);
        await file.WriteAsync(noise);
    }

    private protected override Task LoseAsync()
    {
        File.Delete(Database);
        return Task.CompletedTask;
    }

    private protected override Task<string> StateAsync(string? at = null) => SqliteSamples.DumpAsync(at ?? Database);
}
