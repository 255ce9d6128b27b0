using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>What is no database is refused by name; what is one is read wherever and as whoever.</summary>
public sealed class SqliteRefusalTests : SqliteSourceFixture
{
    [Fact]
    public async Task A_missing_database_is_an_error_and_is_not_made()
    {
        Assert.Equal(FailureKind.SourceMissing, (await RefusalAsync()).Kind);
        Assert.Equal(FailureKind.SourceMissing, (await RefusalAsync(Temp["no/such/dir/app.db"])).Kind);
        Assert.False(File.Exists(Database));
    }

    [Fact]
    public async Task A_link_to_nothing_is_a_missing_database()
    {
        File.CreateSymbolicLink(Database, Temp["nothing"]);
        Assert.Equal(FailureKind.SourceMissing, (await RefusalAsync()).Kind);
    }

    [Fact]
    public async Task A_directory_is_no_database()
    {
        var refusal = await RefusalAsync(Temp.Path);
        Assert.Equal((FailureKind.SourceInvalid, true), (refusal.Kind, refusal.Message.Contains("is a directory", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(0, "is empty (0 bytes)")]
    [InlineData(1, "is not an SQLite database")]
    [InlineData(99, "is not an SQLite database")]
    [InlineData(100_000, "is not an SQLite database")]
    public async Task Other_files_are_no_databases(int length, string why)
    {
        await File.WriteAllBytesAsync(Database, Some.Noise(length));
        var refusal = await RefusalAsync();
        Assert.Equal(FailureKind.SourceInvalid, refusal.Kind);
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(Database, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_only_begins_like_a_database_is_refused()
    {
        await File.WriteAllBytesAsync(Database, [.. Encoding.ASCII.GetBytes("SQLite format 3\0"), .. Some.Noise(4096)]);
        Assert.Equal(FailureKind.SourceInvalid, (await RefusalAsync()).Kind);
    }

    [SkippableTheory]
    [InlineData("with space.db")]
    [InlineData("it's \"quoted\";Mode=Memory.db")]
    [InlineData("what?mode=memory#frag%20.db")]
    [InlineData("本番データ.db")]
    [InlineData(":memory:")]
    public async Task Any_file_name_will_do(string name)
    {
        foreach (var mode in (string[])["wal", "delete"])
        {
            var path = Path.Combine(Temp.Sub(mode), name);
            await SqliteSamples.LedgerAsync(Temp["plain-" + mode], mode);
            File.Move(Temp["plain-" + mode], path);
            await SqliteSamples.AssertLedgerAsync(await CopyAsync(path));
        }
    }

    [SkippableFact]
    public async Task A_link_leads_to_the_database_and_to_its_wal()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 5')");
        File.CreateSymbolicLink(Temp["link.db"], Temp["middle.db"]);
        File.CreateSymbolicLink(Temp["middle.db"], Database);
        Assert.Equal(5, await SqliteSamples.AssertLedgerAsync(await CopyAsync(Temp["link.db"])));
    }

    [SkippableTheory]
    [InlineData("wal", "", "ok")] // closed: it is complete in itself
    [InlineData("delete", "", "ok")]
    [InlineData("wal", "db.execute('UPDATE total SET transfers = 1')", "ok")]
    public async Task A_user_who_may_only_read_can_back_up(string journalMode, string python, string expected)
    {
        Need.Root();
        Need.Tool("setpriv");
        await SqliteSamples.LedgerAsync(Database, journalMode);
        File.SetLastWriteTimeUtc(Database, Some.Instant.UtcDateTime);
        var holder = python.Length > 0 ? await SqliteSamples.HoldAsync(Database, python) : null;
        try
        {
            await Shell.BashAsync($"chmod 755 '{Temp.Path}' '{Temp["data"]}'; chmod 644 '{Temp["data"]}'/*; chmod 777 '{Scratch}'");
            var said = await Child.RunAsUserAsync("snapshot", Database, Scratch);
            Assert.StartsWith(expected, said, StringComparison.Ordinal);
        }
        finally
        {
            if (holder is not null)
                await holder.DisposeAsync();
        }
    }

    [SkippableTheory]
    [InlineData("chmod 600 '{0}'")]
    [InlineData("chmod 700 \"$(dirname '{0}')\"")]
    public async Task A_user_who_may_not_read_is_told_so(string script)
    {
        Need.Root();
        Need.Tool("setpriv");
        await SqliteSamples.LedgerAsync(Database, "delete");
        await Shell.BashAsync($"chmod 755 '{Temp.Path}'; chmod 777 '{Scratch}'; " + string.Format(System.Globalization.CultureInfo.InvariantCulture, script, Database));
        var said = await Child.RunAsUserAsync("snapshot", Database, Scratch);
        Assert.StartsWith("Permission: ", said, StringComparison.Ordinal);
        Assert.Contains(Database, said, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Scratch_space_that_is_full_is_named_and_emptied()
    {
        await using var small = await SmallFileSystem.MountAsync("size=1m");
        await SqliteSamples.LedgerAsync(Database, "delete");
        await SqliteSamples.SqlAsync(Database, "INSERT INTO log (amount, note) VALUES (0, zeroblob(3000000))");
        using var scratch = new NexusBackupAgent.Platform.ScratchDirectory(small.Path);
        var source = new NexusBackupAgent.Sources.Sqlite.SqliteSource(Database, scratch, TimeSpan.FromSeconds(1), Some.Clock);

        var full = await Assert.ThrowsAsync<BackupException>(() => source.OpenSnapshotAsync(CancellationToken.None));

        Assert.Equal(FailureKind.StoreFull, full.Kind);
        Assert.Contains(small.Path, full.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(small.Path, "*.scratch*", SearchOption.AllDirectories));
        await Shell.RunAsync("sqlite3", "-bail", Database, "PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE;"); // the lock is free again
    }
}
