using NexusBackupAgent.Common;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>What a program committed where the configured path does not lead is never left out in silence.</summary>
public sealed class HiddenWalTests : SqliteSourceFixture
{
    private const string Commit = "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 5')";

    private string Other => Path.Combine(Temp.Sub("src"), "other.db");

    [SkippableFact]
    public async Task A_program_that_opened_another_hard_link_is_named_with_the_path_to_configure()
    {
        await SqliteSamples.LedgerAsync(Other, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Other, Commit);
        await Shell.RunAsync("ln", Other, Database);

        var refusal = await AssertHiddenAsync();

        Assert.Contains($"process {holder.Id} ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"'{Other}'", refusal.Hint, StringComparison.Ordinal);
        Assert.Equal(["app.db"], TempDirectory.FilesIn(Path.GetDirectoryName(Database)!)); // none was made here by looking
    }

    [SkippableFact]
    public async Task A_stale_wal_beside_the_configured_name_does_not_hide_the_one_in_use()
    {
        await SqliteSamples.LedgerAsync(Other, "wal");
        await Shell.RunAsync("ln", Other, Database);
        await (await SqliteSamples.HoldAsync(Database, Commit)).KillAsync();
        await using var holder = await SqliteSamples.HoldAsync(Other, "db.execute('UPDATE total SET transfers = 7')");
        Assert.True(new FileInfo(Database + "-wal").Length > 0);

        await AssertHiddenAsync();
    }

    [SkippableFact]
    public async Task What_a_dead_program_left_beside_another_hard_link_is_named()
    {
        await SqliteSamples.LedgerAsync(Other, "wal");
        await (await SqliteSamples.HoldAsync(Other, Commit)).KillAsync();
        await Shell.RunAsync("ln", Other, Database);

        Assert.Contains($"'{Other}-wal'", (await AssertHiddenAsync()).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task So_is_the_journal_of_a_transaction_that_a_dead_program_left_half_written()
    {
        await SqliteSamples.LedgerAsync(Other, "delete");
        await (await SqliteSamples.HoldAsync(Other, "db.execute('PRAGMA cache_size=5')\ndb.execute('PRAGMA cache_spill=5')\ndb.execute('BEGIN')\ndb.execute(\"UPDATE debit SET amount = 0, filler = hex(randomblob(60))\")\nos.sync()")).KillAsync();
        await Shell.RunAsync("ln", Other, Database);

        Assert.Contains($"'{Other}-journal'", (await AssertHiddenAsync()).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("wal")]
    [InlineData("delete")]
    public async Task A_hard_link_that_hides_nothing_is_backed_up_and_told_of(string journalMode)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await Shell.RunAsync("ln", Database, Other);
        await AssertSameBytesAsync(Database, await CopyAsync());

        await using var holder = await SqliteSamples.HoldAsync(Database, Commit);
        Assert.Equal(5, await SqliteSamples.AssertLedgerAsync(await CopyAsync()));
        var told = Assert.Single(Check());
        Assert.False(told.IsError);
        Assert.Contains("2 names", told.Problem, StringComparison.Ordinal);
    }

    /// <summary>In WAL mode a name that can't be found may have a WAL beside it.</summary>
    [SkippableTheory]
    [InlineData("wal", false)]
    [InlineData("delete", true)]
    public async Task A_hard_link_that_cannot_be_found_is_refused_where_it_could_hide_a_wal(string journalMode, bool isRight)
    {
        using var elsewhere = new TempDirectory();
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await Shell.RunAsync("ln", Database, elsewhere["far.db"]);
        Temp.Sub("data");
        var deep = Path.Combine(Temp.Sub("a/b/c"), "app.db");
        File.Move(Database, deep); // its directory and the one above hold no other name

        if (isRight)
            await AssertSameBytesAsync(deep, await CopyAsync(deep));
        else
            Assert.Contains("-samefile", (await AssertHiddenAsync(deep)).Hint, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("live", false)]
    [InlineData("left by a dead program", false)]
    [InlineData("closed", true)]
    public async Task A_file_that_is_mounted_alone_shows_no_wal(string how, bool isRight)
    {
        Need.Root();
        await SqliteSamples.LedgerAsync(Other, "wal");
        await using var holder = how == "closed" ? null : await SqliteSamples.HoldAsync(Other, Commit);
        if (how == "left by a dead program")
            await holder!.KillAsync();
        await File.WriteAllTextAsync(Database, "");
        await Shell.RunAsync("mount", "--bind", Other, Database);
        try
        {
            if (isRight)
            {
                await AssertSameBytesAsync(Database, await CopyAsync());
                Assert.Contains("mounted alone", Assert.Single(Check()).Problem, StringComparison.Ordinal);
            }
            else
                Assert.Contains(Other, (await AssertHiddenAsync()).Message, StringComparison.Ordinal);
        }
        finally
        {
            await Shell.RunAsync("umount", "-l", Database);
        }
    }

    [SkippableTheory]
    [InlineData("-wal", "-shm")]
    [InlineData("-wal")]
    public async Task A_wal_that_was_deleted_under_a_living_program_is_missed(params string[] deleted)
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, Commit);
        foreach (var ending in deleted)
            File.Delete(Database + ending);

        var refusal = await AssertHiddenAsync();

        Assert.Contains($"process {holder.Id} ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("was deleted", refusal.Message, StringComparison.Ordinal);
        await holder.StopAsync(); // what the hint says
        Assert.Equal(5, await SqliteSamples.AssertLedgerAsync(await CopyAsync()));
    }

    [SkippableFact]
    public async Task A_second_program_with_a_new_wal_does_not_hide_the_deleted_one()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, Commit);
        File.Delete(Database + "-wal");
        File.Delete(Database + "-shm");
        await using var second = await SqliteSamples.HoldAsync(Database, "db.execute('SELECT count(*) FROM total').fetchall()");
        Assert.True(File.Exists(Database + "-shm"));

        Assert.Contains($"process {holder.Id} ", (await AssertHiddenAsync()).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("wal", "db.execute('PRAGMA locking_mode=EXCLUSIVE')")] // from its first look on: it needs no -shm
    [InlineData("wal", "db.execute('SELECT * FROM total').fetchall(); db.execute('PRAGMA locking_mode=EXCLUSIVE')")]
    [InlineData("delete", "db.execute('PRAGMA locking_mode=EXCLUSIVE')")]
    public async Task A_program_that_keeps_the_database_to_itself_is_told_as_that(string journalMode, string how)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        await using var holder = await SqliteSamples.HoldAsync(Database, $"{how}; db.execute('UPDATE total SET transfers = transfers')");

        var told = Assert.Single(Check());
        var refusal = await RefusalAsync(busySeconds: 0.2);

        Assert.Equal(("is kept locked by a program that lets no other one read it", journalMode == "wal"), (told.Problem, told.IsError));
        Assert.Contains("stayed locked for 0.2 s", refusal.Message, StringComparison.Ordinal);
        Assert.All((string[])[told.Mend, refusal.Hint], hint => Assert.Contains("PRAGMA locking_mode = EXCLUSIVE", hint, StringComparison.Ordinal));
    }

    /// <summary>Locks tell of the program even who may not look into it.</summary>
    [SkippableTheory]
    [InlineData("rm -f '{0}-wal' '{0}-shm'", "was deleted or replaced")]
    [InlineData("mv '{0}' '{0}.moved' && ln '{0}.moved' '{0}' && rm -f '{0}-wal' '{0}-shm'", "2 names")]
    public async Task Another_user_is_told_too(string script, string why)
    {
        Need.Root();
        Need.Tool("setpriv");
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, Commit);
        await Shell.BashAsync(script.Replace("{0}", Database, StringComparison.Ordinal) + $"; chmod 755 '{Temp.Path}' '{Temp["data"]}'; chmod 644 '{Temp["data"]}'/*; chmod 777 '{Scratch}'");

        var said = await Child.RunAsUserAsync("snapshot", Database, Scratch);

        Assert.StartsWith("SourceBusy: ", said, StringComparison.Ordinal);
        Assert.Contains(why, said, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Agents_that_read_at_the_same_time_are_not_taken_for_programs()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        using var other = await OpenDatabase.OpenAsync(Database, TimeSpan.Zero, Some.Clock, CancellationToken.None);
        await AssertSameBytesAsync(Database, await CopyAsync());
        Assert.Equal(DatabaseUse.AtRest, other.Use);
    }

    /// <summary>A backup and <c>check-config</c> say the same.</summary>
    private async Task<BackupException> AssertHiddenAsync(string? path = null)
    {
        var told = Assert.Single(Check(path));
        var refusal = await RefusalAsync(path);
        Assert.Equal(FailureKind.SourceBusy, refusal.Kind);
        Assert.True(told.IsError);
        Assert.Equal($"database '{path ?? Database}' {told.Problem}", refusal.Message);
        Assert.Equal(told.Mend, refusal.Hint);
        return refusal;
    }

    private IReadOnlyList<NexusBackupAgent.Configuration.ConfigurationProblem> Check(string? path = null) =>
        [.. new SqliteSettings(new SqliteSourceKind(), "itsm", path ?? Database, TimeSpan.Zero).Check()];
}
