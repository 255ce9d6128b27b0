using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>System calls that move nothing or little, as some kernels and file systems have them.</summary>
public sealed class HamperedRunTests
{
    public static TheoryData<string, string> Ways() => new()
    {
        { "--answer copy_file_range 0", "delete" },
        { "--answer copy_file_range -11", "delete" }, // EAGAIN
        { "--answer copy_file_range -22", "delete" }, // EINVAL
        { "--answer sendfile 0", "delete" },
        { "--short 1000", "delete" },
        { "--short 1000", "wal" },
    };

    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public async Task A_call_that_moves_nothing_or_little_is_not_the_end_of_the_file(string how, string journalMode)
    {
        using var temp = new TempDirectory();
        var database = temp["app.db"];
        await SqliteSamples.SqlAsync(database, $"PRAGMA journal_mode = {journalMode}; CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO t SELECT randomblob(2000) FROM n");
        var backedUp = await SqliteSamples.DumpAsync(database);

        var backup = await Child.RunHamperedAsync(how.Split(' '), temp.Path, "backup", temp.Path, "Full");
        await SqliteSamples.SqlAsync(database, "INSERT INTO t VALUES (randomblob(100000))");
        var old = await SqliteSamples.DumpAsync(database);
        var restore = await Child.RunHamperedAsync(how.Split(' '), temp.Path, "restore", temp.Path);

        Assert.Equal("Success", backup.Output);
        Assert.Equal("restored", restore.Output);
        if (!how.Contains("sendfile", StringComparison.Ordinal)) // nothing uses that; if something will, it is held to this
            Assert.NotEmpty(restore.Calls);
        Assert.Equal(backedUp, await SqliteSamples.DumpAsync(database));
        var safety = Assert.Single(TempDirectory.FilesIn(temp.Path), file => file.Contains(".pre_restore.", StringComparison.Ordinal));
        Assert.Equal(old, await SqliteSamples.DumpAsync(temp[safety]));
    }
}
