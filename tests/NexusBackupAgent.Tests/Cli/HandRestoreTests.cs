using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Sqlite;
using NexusBackupAgent.Tests.Configuration;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>
/// What the runbook says to type without the agent, typed as it stands there with the reader's own paths: twice, beside what a
/// crashed application left, and with a step that fails.
/// </summary>
public sealed class HandRestoreTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [SkippableTheory]
    [InlineData("runbook.md", "gzip")]
    [InlineData("runbook.ja.md", "zstd")]
    public async Task A_full_backup_is_put_in_place_whatever_lies_there_and_as_often_as_one_likes(string page, string compression)
    {
        Need.Tool(compression);
        await File.AppendAllTextAsync(place.Configuration, $"    compression: {compression}\n");
        await place.RunAsync("backup");
        var restore = Block(page, "expand \"$backup\"");
        for (var time = 1; time <= 2; time++)
        {
            await LeaveRowsInAStaleWalAsync();

            var result = await BashAsync(restore);

            Assert.True(result.ExitCode == 0, result.Error);
            Assert.Equal("5000", await SqliteSamples.SqlAsync(place.In("itsm.db"), "SELECT count(*) FROM incidents"));
            Assert.Equal(time, Directory.GetDirectories(place.Path, "itsm.db.aside.*").Count(aside => File.Exists(Path.Combine(aside, "itsm.db-wal"))));
        }

        Assert.Empty(Directory.GetFiles(place.Path, "itsm.db.new.*"));
    }

    [SkippableTheory]
    [InlineData("runbook.md", "checksum")]
    [InlineData("runbook.ja.md", "checksum")]
    [InlineData("runbook.md", "integrity")]
    [InlineData("runbook.md", "owner")]
    public async Task The_first_step_that_fails_is_the_last_one_and_the_database_stays(string page, string step)
    {
        await place.RunAsync("backup");
        await LeaveRowsInAStaleWalAsync();
        var before = await File.ReadAllBytesAsync(place.In("itsm.db-wal"));
        var restore = Block(page, "expand \"$backup\"");
        switch (step)
        {
            case "checksum":
                Damage.FlipBit(place.Artifact());
                break;
            case "integrity":
                await ReplaceTheBackupByADamagedDatabaseAsync();
                break;
            case "owner":
                restore = restore.Replace("chown ", "chown nobody-of-this-name:", StringComparison.Ordinal);
                break;
        }

        var result = await BashAsync(restore);

        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal(before, await File.ReadAllBytesAsync(place.In("itsm.db-wal")));
        Assert.Empty(Directory.GetDirectories(place.Path, "itsm.db.aside.*"));
        Assert.Equal("8000", await SqliteSamples.SqlAsync(place.In("itsm.db"), "SELECT count(*) FROM incidents"));
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task What_the_API_says_to_type_puts_a_backup_together(int increments)
    {
        await place.RunAsync("backup", "--type", "full");
        for (var hour = 1; hour <= increments; hour++)
        {
            await SqliteSamples.SqlAsync(place.In("itsm.db"), "INSERT INTO incidents (title) VALUES ('later')");
            place.Clock.Set(Workplace.Now + TimeSpan.FromHours(hour));
            Assert.Equal(0, (await place.RunAsync("backup", "--type", "incremental")).Code);
        }

        using var scratch = new ScratchDirectory(place.In("scratch"));
        IBackupSource source = new SqliteSource(place.In("itsm.db"), scratch, TimeSpan.FromSeconds(1), place.Clock);
        var store = Path.GetDirectoryName(place.Artifact())!;
        var chain = Directory.GetFiles(store, "*.gz").Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        var commands = source.CommandsByHand(chain!);

        var result = await BashAsync($"set -eu; cd '{store}'; {string.Join("; ", commands)}");

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(increments + 1, chain.Count);
        Assert.Equal($"{5000 + increments}", await SqliteSamples.SqlAsync(Path.Combine(store, "restored.db"), "SELECT count(*) FROM incidents"));
    }

    [SkippableTheory]
    [InlineData("runbook.md")]
    [InlineData("runbook.ja.md")]
    public async Task A_chain_of_increments_is_put_together_as_often_as_one_likes(string page)
    {
        await place.RunAsync("backup", "--type", "full");
        foreach (var rows in (int[])[1, 2])
        {
            await SqliteSamples.SqlAsync(place.In("itsm.db"), "INSERT INTO incidents (title) VALUES ('later')");
            place.Clock.Set(Workplace.Now + TimeSpan.FromHours(rows));
            Assert.Equal(0, (await place.RunAsync("backup", "--type", "incremental")).Code);
        }

        var chain = Directory.GetFiles(place.Store, "*.db*.gz").Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(2, chain.Count(file => file!.EndsWith(".db-wal.gz", StringComparison.Ordinal)));
        var restore = Block(page, "chain=").Replace("full_backup_20260215_000000.db.gz incremental_backup_20260215_060000.db-wal.gz", string.Join(' ', chain), StringComparison.Ordinal);
        for (var time = 1; time <= 2; time++)
        {
            var result = await BashAsync(restore);

            Assert.True(result.ExitCode == 0, result.Error);
            var restored = result.Output.TrimEnd().Split(' ')[^1];
            Assert.Equal("5002", await SqliteSamples.SqlAsync(restored, "SELECT count(*) FROM incidents"));
            Directory.Delete(Path.GetDirectoryName(restored)!, recursive: true);
        }
    }

    [SkippableTheory]
    [InlineData("runbook.md")]
    [InlineData("runbook.ja.md")]
    public async Task A_backup_by_hand_holds_what_is_committed_and_is_taken_in(string page)
    {
        await LeaveRowsInAStaleWalAsync();

        var result = await BashAsync(Block(page, "\".backup '"));

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal("8000", await Shell.BashAsync($"gunzip -c '{place.Artifact()}' > '{place.In("look.db")}' && sqlite3 '{place.In("look.db")}' 'SELECT count(*) FROM incidents'"));
        await Shell.BashAsync($"cd '{place.Store}' && sha256sum -c *.sha256");
        Assert.Equal(["good"], (await place.RunAsync("verify", "--all", "--json")).Json.EnumerateArray().Select(backup => backup.GetProperty("state").GetString()));
    }

    [SkippableTheory]
    [InlineData("runbook.md")]
    [InlineData("runbook.ja.md")]
    public async Task A_restore_is_taken_back_once(string page)
    {
        await place.RunAsync("backup");
        await LeaveRowsInAStaleWalAsync();
        Assert.Equal(0, (await place.RunAsync("restore", "itsm", "--force")).Code);
        var safety = Assert.Single(Directory.GetFiles(place.Path, "itsm.db.pre_restore.*"));
        var takeBack = Block(page, "safety=").Replace("pre_restore.20260214030000", Path.GetFileName(safety)["itsm.db.".Length..], StringComparison.Ordinal);

        var (first, second) = (await BashAsync(takeBack), await BashAsync(takeBack));

        Assert.True(first.ExitCode == 0, first.Error);
        Assert.NotEqual(0, second.ExitCode); // there is no safety copy any more
        Assert.Equal("8000", await SqliteSamples.SqlAsync(place.In("itsm.db"), "SELECT count(*) FROM incidents"));
    }

    [SkippableTheory]
    [InlineData("runbook.md")]
    [InlineData("runbook.ja.md")]
    public async Task What_was_deleted_under_its_application_is_saved_as_diagnose_says_and_put_back(string page)
    {
        await place.RunAsync("backup");
        await using (var application = await SqliteSamples.HoldAsync(place.In("itsm.db"), "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute(\"INSERT INTO incidents (title) VALUES ('newest')\")"))
        {
            foreach (var ending in (string[])["", "-wal", "-shm"])
                File.Delete(place.In("itsm.db" + ending));
            var save = (await place.RunAsync("diagnose", "--json")).Json[0].GetProperty("next")[0].GetString()!;
            Assert.Contains($"process {application.Id} ", (await place.RunAsync("restore", "itsm", "--force")).Error, StringComparison.Ordinal);
            Assert.True((await BashAsync("sudo() { \"$@\"; }; " + save)).ExitCode == 0);
            await application.KillAsync();
        }

        var saved = Path.GetFileName(Assert.Single(Directory.GetDirectories(place.Path, "itsm.db.rescued.*")));
        var putBack = Block(page, "saved=").Replace("itsm.db.rescued.XXXXXX/itsm_nexus.db", saved + "/itsm.db", StringComparison.Ordinal);
        var (first, second) = (await BashAsync(putBack), await BashAsync(putBack));

        Assert.True(first.ExitCode == 0, first.Error);
        Assert.NotEqual(0, second.ExitCode); // it is in place already
        Assert.Equal("5001", await SqliteSamples.SqlAsync(place.In("itsm.db"), "SELECT count(*) FROM incidents"));
    }

    /// <summary>A block of the page with the reader's own paths, backup and owner in it, and nothing else changed.</summary>
    private string Block(string page, string line)
    {
        var blocks = File.ReadAllText(RepositoryFile.Find("docs/" + page)).Split("```bash\n")[1..].Select(block => block[..block.IndexOf("```", StringComparison.Ordinal)]);
        var block = Assert.Single(blocks, block => block.Contains(line, StringComparison.Ordinal));
        var owner = Environment.IsPrivilegedProcess ? "65534:65534" : "$(id -u):$(id -g)";
        return block
            .Replace("/path/to/backups", place.Store, StringComparison.Ordinal)
            .Replace("/path/to/itsm_nexus.db", place.In("itsm.db"), StringComparison.Ordinal)
            .Replace("daily_20260214_020000.db.gz", Path.GetFileName(Directory.GetFiles(place.Store, "*.db.gz").Concat(Directory.GetFiles(place.Store, "*.db.zst")).FirstOrDefault()), StringComparison.Ordinal)
            .Replace("itsm:itsm", owner, StringComparison.Ordinal);
    }

    /// <summary>As a person pastes it: into a shell that goes on after an error.</summary>
    private static async Task<ShellResult> BashAsync(string block)
    {
        Need.Tool("sqlite3");
        return await Shell.TryAsync("bash", "-c", block);
    }

    /// <summary>The application writes 3,000 rows more and is killed: they are in the <c>-wal</c> that it leaves.</summary>
    private async Task LeaveRowsInAStaleWalAsync()
    {
        await using var application = await SqliteSamples.HoldAsync(place.In("itsm.db"), """
            db.execute('PRAGMA wal_autocheckpoint=0')
            db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO incidents (title) SELECT 'new' FROM n")
            """);
        await application.KillAsync();
        Assert.True(new FileInfo(place.In("itsm.db-wal")).Length > 10_000);
    }

    private async Task ReplaceTheBackupByADamagedDatabaseAsync()
    {
        var damaged = place.In("damaged.db");
        await SqliteSamples.SqlAsync(damaged, "CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t VALUES (1); PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'i'");
        await Shell.BashAsync($"cd '{place.Store}' && gzip -c '{damaged}' > '{place.Artifact()}' && sha256sum \"$(basename '{place.Artifact()}')\" > '{place.Artifact()}.sha256'");
        Assert.NotEqual("ok", await SqliteSamples.SqlAsync(damaged, "PRAGMA integrity_check"));
    }
}
