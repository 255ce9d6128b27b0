using Microsoft.Data.Sqlite;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>A database whose content breaks its own rules, or that needs what only its application has: it is kept, restored, and told.</summary>
public sealed class NotedBackupTests : IDisposable
{
    private const string Note = "the file is sound, and its content breaks CHECK (length(title) < 3) of table incidents (1 time), foreign key from table comments to incidents (2 times)";

    private readonly Workplace place = Workplace.WithDatabase();

    public NotedBackupTests()
    {
        using var connection = place.Open("itsm.db");
        Workplace.Execute(connection, """
            PRAGMA foreign_keys = OFF;
            PRAGMA ignore_check_constraints = ON;
            DROP TABLE incidents;
            CREATE TABLE incidents (id INTEGER PRIMARY KEY, title TEXT CHECK (length(title) < 3));
            CREATE TABLE comments (incident INTEGER REFERENCES incidents);
            INSERT INTO incidents VALUES (1, 'ok'), (2, 'too long');
            INSERT INTO comments VALUES (1), (7), (8);
            """);
    }

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_backup_is_good_and_says_what_its_check_noted()
    {
        var backup = await place.RunAsync("backup");
        Assert.Equal(0, backup.Code);
        Assert.Empty(backup.Errors);
        Assert.Equal($"warning: 'itsm' is backed up; PRAGMA integrity_check: {Note}", backup.Error.Trim());

        Assert.Equal(Note, (await place.RunAsync("backup", "--json")).Json[0].GetProperty("note").GetString());
    }

    [Fact]
    public async Task Every_command_that_tells_of_the_backup_tells_its_note_and_none_calls_it_corrupt()
    {
        await place.RunAsync("backup");
        foreach (var (code, arguments) in ((int, string[])[])[(0, ["verify"]), (0, ["list"]), (0, ["drill"]), (0, ["restore", "itsm", "--to", "copy.db"])])
        {
            var told = await place.RunAsync(arguments);
            Assert.Equal(code, told.Code);
            Assert.Contains(Note, told.Output + told.Error, StringComparison.Ordinal);
        }

        foreach (var arguments in (string[][])[["checklist"], ["checklist", "--lang", "ja"], ["diagnose"], ["diagnose", "--lang", "ja"]])
        {
            var told = await place.RunAsync(arguments);
            Assert.Contains(Note, told.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("corrupt", told.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("が破損", told.Output, StringComparison.Ordinal);
        }

        var listed = (await place.RunAsync("list", "--json")).Json[0];
        Assert.Equal(("good", Note), (listed.GetProperty("state").GetString(), listed.GetProperty("note").GetString()));
        Assert.True(File.Exists(place.In("copy.db")));
    }

    [Fact]
    public async Task A_backup_without_a_note_has_no_such_member()
    {
        using (var connection = place.Open("itsm.db"))
            Workplace.Execute(connection, "DELETE FROM comments; DELETE FROM incidents");
        Assert.Equal("", (await place.RunAsync("backup")).Error);
        Assert.False((await place.RunAsync("list", "--json")).Json[0].TryGetProperty("note", out _));
    }

    [Theory]
    [InlineData(0, 0x77)] // encrypted as a whole
    [InlineData(32, 0x77)] // with a plain header, as SQLCipher can
    [InlineData(32, 4)] // the same, and one of its bytes is by chance a schema format that SQLite knows: it says "malformed" then
    public async Task An_encrypted_database_is_refused_by_check_config_and_backup_in_one_line(int plain, byte format)
    {
        SqliteConnection.ClearAllPools();
        var content = await File.ReadAllBytesAsync(place.In("itsm.db"));
        Random.Shared.NextBytes(content.AsSpan(plain));
        (content[47], content[100]) = (format, 0x77);
        foreach (var ending in (string[])["-wal", "-shm"])
            File.Delete(place.In("itsm.db" + ending));
        await File.WriteAllBytesAsync(place.In("itsm.db"), content);

        var check = await place.RunAsync("check-config");
        Assert.Equal(2, check.Code);
        Assert.Contains("is encrypted, or no SQLite database", check.Output + check.Error, StringComparison.Ordinal);

        var backup = await place.RunAsync("backup");
        Assert.Equal(3, backup.Code);
        Assert.Contains("encrypted database", Assert.Single(backup.Errors), StringComparison.Ordinal);
    }
}
