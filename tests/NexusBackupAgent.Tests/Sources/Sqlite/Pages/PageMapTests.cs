using System.Buffers.Binary;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite.Pages;

/// <summary>With a view or a virtual table in its schema SQLite may leave out which pages are free, in use twice, or never used.</summary>
public sealed class PageMapTests : IDisposable
{
    private const string Content = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, short TEXT, long TEXT);
        CREATE TABLE w (name TEXT PRIMARY KEY, long BLOB) WITHOUT ROWID;
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, 'INC-' || i, CASE i % 50 WHEN 0 THEN hex(zeroblob(i * 20)) ELSE hex(zeroblob(i % 300)) END FROM n;
        INSERT INTO w SELECT short || hex(zeroblob(id % 90)), CASE id % 70 WHEN 0 THEN zeroblob(70000) END FROM t;
        CREATE INDEX by_long ON t (long, short);
        CREATE INDEX by_short ON t (short);
        DELETE FROM t WHERE id % 40 IN (1, 2) OR id BETWEEN 1000 AND 1600;
        """;

    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData("PRAGMA page_size = 512")]
    [InlineData("PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL")]
    [InlineData("PRAGMA page_size = 4096; PRAGMA auto_vacuum = FULL")]
    [InlineData("PRAGMA page_size = 4096")]
    [InlineData("PRAGMA page_size = 65536; PRAGMA auto_vacuum = INCREMENTAL")]
    [InlineData("PRAGMA page_size = 65536")]
    [InlineData(".filectrl reserve_bytes 32")]
    public async Task Every_page_of_a_sound_database_has_its_place(string before)
    {
        await MakeAsync(before, Content + "CREATE VIEW v AS SELECT * FROM t;");
        Assert.Null(Check());
    }

    [SkippableTheory]
    [InlineData("CREATE VIEW v AS SELECT * FROM t")]
    [InlineData("CREATE VIRTUAL TABLE v USING fts5 (x, content='')")]
    [InlineData("CREATE TABLE v (x)")]
    public async Task A_page_that_is_in_use_and_free_is_found(string last)
    {
        await MakeAsync("PRAGMA page_size = 4096", $"{Content} {last};");
        var living = int.Parse(await SqliteSamples.SqlAsync(temp["a.db"], "SELECT rootpage FROM sqlite_schema WHERE name = 'by_short'"), System.Globalization.CultureInfo.InvariantCulture);
        await ChangeFirstTrunkAsync(trunk => BinaryPrimitives.WriteInt32BigEndian(trunk.AsSpan(8), living));

        var finding = Check();
        Assert.NotNull(finding);
        if (last.StartsWith("CREATE VIEW", StringComparison.Ordinal)) // SQLite's own check is blind for it
            Assert.Equal($"page {living} is in use by 'by_short' and in the list of free pages; page {await FreedAsync()} is never used", finding);
    }

    [SkippableFact]
    public async Task What_SQLite_does_not_see_with_a_view_at_the_head_is_what_is_looked_for()
    {
        await MakeAsync("PRAGMA page_size = 4096", Content + "CREATE VIEW v AS SELECT * FROM t;");
        await ChangeFirstTrunkAsync(trunk => BinaryPrimitives.WriteInt32BigEndian(trunk.AsSpan(8), 3));
        Assert.Equal("ok", await SqliteSamples.SqlAsync(temp["a.db"], "PRAGMA integrity_check"));
    }

    [SkippableFact]
    public async Task A_list_of_free_pages_that_is_shorter_than_its_count_is_found()
    {
        await MakeAsync("PRAGMA page_size = 4096", Content + "CREATE VIEW v AS SELECT * FROM t;");
        await ChangeFirstTrunkAsync(trunk => BinaryPrimitives.WriteInt32BigEndian(trunk.AsSpan(4), BinaryPrimitives.ReadInt32BigEndian(trunk.AsSpan(4)) - 1));
        Assert.NotNull(Check());
    }

    private int freed;

    private Task<int> FreedAsync() => Task.FromResult(freed);

    private string? Check() => SqliteIntegrity.Check(temp["a.db"], CancellationToken.None).Finding;

    private async Task MakeAsync(string before, string content)
    {
        Need.Tool("sqlite3");
        await Shell.RunAsync("sqlite3", "-bail", temp["a.db"], "-cmd", before, content);
    }

    private async Task ChangeFirstTrunkAsync(Action<byte[]> change)
    {
        await using var file = File.Open(temp["a.db"], FileMode.Open);
        var header = new byte[100];
        await file.ReadExactlyAsync(header);
        var trunk = new byte[4096];
        file.Position = (BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(32)) - 1) * 4096L;
        await file.ReadExactlyAsync(trunk);
        freed = BinaryPrimitives.ReadInt32BigEndian(trunk.AsSpan(8));
        change(trunk);
        file.Position -= 4096;
        await file.WriteAsync(trunk);
    }
}
