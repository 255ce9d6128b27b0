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
    public async Task The_first_of_many_findings_is_told_and_how_many_more_there_are()
    {
        await SqliteSamples.LedgerAsync(temp["a.db"], "delete");
        await using (var file = File.OpenWrite(temp["a.db"]))
        {
            file.Position = 4096 * 10;
            file.Write(Enumerable.Repeat((byte)0xA5, 4 * 4096).ToArray());
        }

        var finding = Check("a.db")!;
        Assert.Matches(@"^Tree \d+ page 14: [^;]* \(and [1-9]\d* more findings: PRAGMA integrity_check of the expanded file lists them\)\z", finding);
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
