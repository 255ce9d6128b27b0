using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

public sealed class SqliteProbeTests : IDisposable
{
    private const string Endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    [SkippableTheory]
    [InlineData("SELECT count(*) FROM t", "3")]
    [InlineData("SELECT count(*) FROM t;", "3")]
    [InlineData(" -- how many?\n SELECT count(*) FROM t ; -- end\n", "3")]
    [InlineData("SELECT a, b FROM t ORDER BY a", "1")]
    [InlineData("SELECT b FROM t WHERE a = 2", "日本 'x'")]
    [InlineData("SELECT 1.5", "1.5")]
    [InlineData("SELECT datetime(0, 'unixepoch')", "1970-01-01 00:00:00")]
    [InlineData("WITH s AS (SELECT sum(a) AS x FROM t) SELECT x FROM s", "6")]
    [InlineData("PRAGMA user_version", "7")]
    [InlineData("VALUES (4)", "4")]
    [InlineData("SELECT b FROM t WHERE a = 3", null)]
    public async Task The_first_column_of_the_first_row_is_the_answer(string sql, string? answer)
    {
        await MakeAsync();

        Assert.Equal(new ProbeAnswer(HasRow: true, answer), Ask(sql));
    }

    [SkippableFact]
    public async Task No_row_is_no_answer()
    {
        await MakeAsync();

        Assert.False(Ask("SELECT a FROM t WHERE a > 3").HasRow);
    }

    [SkippableTheory]
    [InlineData("DELETE FROM t", "would write")]
    [InlineData("INSERT INTO t VALUES (9, '') RETURNING a", "would write")]
    [InlineData("UPDATE t SET a = 9", "would write")]
    [InlineData("DROP TABLE t", "would write")]
    [InlineData("CREATE TEMP TABLE x (a)", "could not be asked")]
    [InlineData("PRAGMA user_version = 8", "would write")]
    [InlineData("PRAGMA journal_mode = delete", "would write")]
    [InlineData("VACUUM", "would write")]
    [InlineData("VACUUM INTO 'other.db'", "would write")]
    [InlineData("SELECT 1; DELETE FROM t", "only reads")]
    [InlineData("SELECT 1; SELECT 2", "more than one statement")]
    [InlineData("ATTACH 'other.db' AS o", "only reads")]
    [InlineData("PRAGMA hard_heap_limit = 1", "only reads")]
    [InlineData("PRAGMA query_only = 0", "only reads")]
    [InlineData("", "asks nothing")]
    [InlineData("-- nothing", "asks nothing")]
    [InlineData("SELEKT 1", "syntax error")]
    [InlineData("SELECT * FROM missing", "no such table")]
    [InlineData("SELECT load_extension('x')", "not authorized")]
    public async Task What_does_not_only_read_is_refused_and_changes_nothing(string sql, string reason)
    {
        await MakeAsync();
        var before = await File.ReadAllBytesAsync(temp["a.db"]);
        var there = Environment.CurrentDirectory;

        var refused = Assert.Throws<BackupException>(() => Ask(sql.Replace("other.db", temp["other.db"], StringComparison.Ordinal)));

        Assert.Equal(FailureKind.Restore, refused.Kind);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(temp["a.db"]));
        Assert.Equal(["a.db"], temp.Files);
        Assert.Equal(there, Environment.CurrentDirectory);
    }

    [SkippableFact]
    public async Task A_long_question_is_stopped_with_its_token()
    {
        await MakeAsync();
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(50), TimeProvider.System);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Run(() => SqliteProbe.Ask(temp["a.db"], Endless, stop.Token)).WaitAsync(TimeSpan.FromMinutes(3)));
    }

    [SkippableFact]
    public async Task A_question_whose_token_is_cancelled_already_is_not_asked_for_long()
    {
        await MakeAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Run(() => SqliteProbe.Ask(temp["a.db"], Endless, new CancellationToken(canceled: true))).WaitAsync(TimeSpan.FromMinutes(3)));
    }

    [SkippableFact]
    public async Task A_long_answer_is_cut()
    {
        await MakeAsync();

        Assert.Equal(201, Ask("SELECT hex(zeroblob(5000))").Text!.Length);
    }

    private Task MakeAsync() => SqliteSamples.SqlAsync(temp["a.db"], "PRAGMA user_version = 7; CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, '日本 ''x'''), (3, NULL);");

    private ProbeAnswer Ask(string sql) => SqliteProbe.Ask(temp["a.db"], sql, CancellationToken.None);
}
