using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

public sealed class SqliteIntegrityTests : IDisposable
{
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task A_sound_database_passes_and_nothing_is_left_beside_it(string journalMode)
    {
        await SqliteSamples.LedgerAsync(temp["it's; a=%41?#.db"], journalMode);
        Assert.Null(Check("it's; a=%41?#.db"));
        Assert.Equal(["it's; a=%41?#.db"], temp.Files);
    }

    [SkippableFact]
    public async Task A_corrupt_page_is_found()
    {
        await SqliteSamples.LedgerAsync(temp["a.db"], "delete");
        await using (var file = File.OpenWrite(temp["a.db"]))
        {
            file.Position = 4096 * 10;
            file.Write(Some.Noise(4096));
        }

        Assert.NotNull(Check("a.db"));
    }

    [SkippableFact]
    public async Task A_finding_is_one_line_although_SQLite_writes_several()
    {
        await SqliteSamples.LedgerAsync(temp["a.db"], "delete");
        await using (var file = File.OpenWrite(temp["a.db"]))
        {
            file.Position = 4096 * 10;
            file.Write(Enumerable.Repeat((byte)0xA5, 4 * 4096).ToArray());
        }

        var finding = Check("a.db")!;
        Assert.Contains("page 14", finding, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("\n", finding, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_cut_off_database_is_found()
    {
        await SqliteSamples.LedgerAsync(temp["a.db"], "delete");
        await using (var file = File.OpenWrite(temp["a.db"]))
            file.SetLength(file.Length - 4096);
        Assert.NotNull(Check("a.db"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5000)]
    public async Task What_is_no_database_is_found(int length)
    {
        await File.WriteAllBytesAsync(temp["a.db"], Some.Noise(length));
        Assert.NotNull(Check("a.db"));
    }

    [SkippableTheory]
    [InlineData("CREATE TABLE t (x TEXT COLLATE japanese); CREATE INDEX i ON t (x); INSERT INTO t VALUES ('a'), ('b');", "the collation japanese")]
    [InlineData("CREATE TABLE t (x TEXT CHECK (sound(x) > 0)); INSERT INTO t VALUES ('a'), ('b');", null)] // SQLite leaves this constraint out by itself, and does not tell
    [InlineData("CREATE TABLE t (x TEXT); CREATE INDEX i ON t (sound(x)); INSERT INTO t VALUES ('a'), ('b');", "the function sound()")]
    public async Task What_only_the_application_knows_is_left_out_of_the_check_and_told(string sql, string? missing)
    {
        Need.Tool("python3");
        await Shell.RunAsync("python3", "-c", """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1])
            db.create_collation('japanese', lambda a, b: (a > b) - (a < b))
            db.create_function('sound', 1, len, deterministic=True)
            db.executescript(sys.argv[2])
            """, temp["a.db"], sql);
        Assert.Null(Check("a.db"));
        var note = SqliteIntegrity.Check(temp["a.db"], CancellationToken.None).Note;
        Assert.Equal(missing is null ? null : $"not checked: indexes against their tables, and what needs {missing}, which only the application has", note);

        await using (var file = File.OpenWrite(temp["a.db"]))
        {
            file.Position = 4096;
            file.Write(Some.Noise(4096));
        }

        Assert.NotNull(Check("a.db"));
    }

    [SkippableFact]
    public async Task The_check_can_be_stopped()
    {
        await SqliteSamples.LedgerAsync(temp["a.db"], "delete");
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        Assert.ThrowsAny<OperationCanceledException>(() => SqliteIntegrity.Check(temp["a.db"], stop.Token));
    }

    private string? Check(string file) => SqliteIntegrity.Check(temp[file], CancellationToken.None).Finding;
}
