using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>What was committed to a database that somebody deleted lives as long as the programs that have it open; and how it is saved is told.</summary>
public sealed class DeletedDatabaseTests : SqliteSourceFixture
{
    [SkippableTheory]
    [InlineData("none", 1)]
    [InlineData("any", 2)] // the WAL moves into the database while it is copied
    public async Task What_a_writer_committed_is_saved_by_the_command_while_it_goes_on(string checkpoint, int writers)
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var writer = await SqliteSamples.WriteAsync(Database, "wal", checkpoint);
        await using var other = writers > 1 ? await SqliteSamples.WriteAsync(Database, "wal", checkpoint) : null;
        foreach (var ending in (string[])["", "-wal", "-shm"])
            File.Delete(Database + ending);

        var missing = await RefusalAsync();

        Assert.Equal(FailureKind.SourceMissing, missing.Kind);
        Assert.Contains($"process{(writers > 1 ? "es" : "")} {Math.Min(writer.Id, other?.Id ?? int.MaxValue)} (", missing.Message, StringComparison.Ordinal);
        var command = new SqliteInspection(Database, SqliteFiles.Beside).HeldDeleted!.Rescue;
        Assert.Contains(command, missing.Hint, StringComparison.Ordinal);
        for (var time = 1; time <= 2; time++)
            Assert.EndsWith("\nok", await RunAsync(command), StringComparison.Ordinal);
        Assert.Equal(2, (await Task.WhenAll(Saved().Select(SqliteSamples.AssertLedgerAsync))).Count(transfers => transfers >= 20));
        Assert.True(await writer.StopAsync() > 20); // it was not left standing still
    }

    /// <summary>SQLite lets nobody begin to write to such a database without a WAL; but one may have begun.</summary>
    [SkippableTheory]
    [InlineData("")]
    [InlineData("-journal")]
    public async Task A_transaction_that_is_half_written_is_taken_back_in_what_is_saved(string alsoDeleted)
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('UPDATE total SET transfers = 5')\ndb.execute('PRAGMA cache_size=5')\ndb.execute('PRAGMA cache_spill=5')\ndb.execute('BEGIN')\ndb.execute(\"UPDATE debit SET amount = 0, filler = hex(randomblob(60))\")");
        foreach (var ending in ((string[])["", alsoDeleted]).Distinct())
            File.Delete(Database + ending);

        Assert.EndsWith("\nok", await RunAsync(new SqliteInspection(Database, SqliteFiles.Beside).HeldDeleted!.Rescue), StringComparison.Ordinal);

        Assert.Equal(5, await SqliteSamples.AssertLedgerAsync(Assert.Single(Saved())));
    }

    [SkippableFact]
    public async Task A_command_whose_program_has_ended_saves_nothing_and_says_so()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        var holder = await SqliteSamples.HoldAsync(Database, "db.execute('UPDATE total SET transfers = 5')");
        File.Delete(Database);
        var command = new SqliteInspection(Database, SqliteFiles.Beside).HeldDeleted!.Rescue;
        await holder.KillAsync();

        Assert.NotEqual(0, (await Shell.TryAsync("bash", "-c", AsRoot + command)).ExitCode);
        Assert.Null(new SqliteInspection(Database, SqliteFiles.Beside).HeldDeleted);
        Assert.DoesNotContain("sudo", (await RefusalAsync()).Hint, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_wal_that_was_not_deleted_with_its_database_is_saved_as_well()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 5')");
        File.Delete(Database);

        await RunAsync(new SqliteInspection(Database, SqliteFiles.Beside).HeldDeleted!.Rescue);

        Assert.Equal(5, await SqliteSamples.AssertLedgerAsync(Assert.Single(Saved())));
    }

    [SkippableTheory]
    [InlineData("it's \"quoted\" $HOME.db")]
    [InlineData("本番 データ.db")]
    public async Task Any_file_name_will_do(string name)
    {
        var path = Path.Combine(Temp.Sub("odd"), name);
        await SqliteSamples.LedgerAsync(Temp["plain.db"], "delete");
        File.Move(Temp["plain.db"], path);
        await using var holder = await SqliteSamples.HoldAsync(path, "db.execute('UPDATE total SET transfers = 5')");
        File.Delete(path);

        Assert.EndsWith("\nok", await RunAsync(new SqliteInspection(path, SqliteFiles.Beside).HeldDeleted!.Rescue), StringComparison.Ordinal);
    }

    private const string AsRoot = "sudo() { \"$@\"; }; "; // tests have no password to give

    private static async Task<string> RunAsync(string command)
    {
        Need.Tool("sqlite3");
        return await Shell.BashAsync(AsRoot + command);
    }

    private string[] Saved() => [.. Directory.GetDirectories(Path.GetDirectoryName(Database)!, Path.GetFileName(Database) + ".rescued.*").Select(directory => Path.Combine(directory, Path.GetFileName(Database)))];
}
