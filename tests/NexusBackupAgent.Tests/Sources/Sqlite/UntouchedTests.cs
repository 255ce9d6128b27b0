using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>Who looks changes nothing: neither a byte nor a time, owner or mode of a database and of what lies beside it.</summary>
public sealed class UntouchedTests : IDisposable
{
    private static readonly string[] Commands = ["status", "list", "check-config", "diagnose", "checklist", "report", "backup", "backup --type incremental", "verify", "drill", "restore itsm --dry-run", "prune --dry-run"];

    private readonly Workplace place = new();

    private string Data => Directory.CreateDirectory(place.In("data")).FullName;

    private string Database => Path.Combine(Data, "app.db");

    public void Dispose() => place.Dispose();

    [SkippableTheory]
    [InlineData("wal", "closed")]
    [InlineData("wal", "left by a killed writer")]
    [InlineData("delete", "closed")]
    [InlineData("delete", "a hot journal")]
    [InlineData("wal", "open")]
    public async Task No_system_call_of_any_command_changes_it(string journalMode, string how)
    {
        await SqliteSamples.LedgerAsync(Database, journalMode);
        var writer = how switch
        {
            "left by a killed writer" => await SqliteSamples.WriteAsync(Database, journalMode, "none"),
            "a hot journal" => await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA cache_size=5')\ndb.execute('PRAGMA cache_spill=5')\ndb.execute('BEGIN')\ndb.execute(\"UPDATE debit SET amount = 0, filler = hex(randomblob(60))\")\nos.sync()"),
            "open" => await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 5')"),
            _ => null,
        };
        if (writer is not null && how != "open")
            await writer.KillAsync();
        place.Configure("itsm", "data/app.db");
        var clone = Directory.CreateDirectory(place.In("clone")).FullName;
        await Shell.BashAsync($"cp -a '{Data}/.' '{clone}'");
        var before = await StateAsync(how == "open");

        var (calls, said) = await Child.TraceAsync(Data, ["commands", place.Path, .. Commands]);

        // A dry run of a restore tries a rename, with two hidden files of its own, and gives the directory its time back.
        var others = calls.Where(call => call != "utimensat ." && !call.Split(' ')[1..].All(file => file.StartsWith(".app.db.", StringComparison.Ordinal) && file.EndsWith(".restoring", StringComparison.Ordinal)));
        // SQLite itself gives what lies beside an open database to the database's owner when it runs as root.
        Assert.Empty(how == "open" ? others.Where(call => !call.StartsWith("fchown ", StringComparison.Ordinal)) : others);
        Assert.Equal(before, await StateAsync(how == "open"));
        foreach (var done in Commands.Where(command => command is not ("diagnose" or "checklist" or "restore itsm --dry-run")))
            Assert.Contains($"\n{done}: 0\n", "\n" + said, StringComparison.Ordinal);
        await Shell.BashAsync($"gunzip -c '{place.Artifact()}' > '{place.In("restored.db")}'");
        Assert.Equal(await SqliteSamples.AssertLedgerAsync(Path.Combine(clone, "app.db")), await SqliteSamples.AssertLedgerAsync(place.In("restored.db")));
        if (writer is not null)
            await writer.DisposeAsync();
    }

    /// <summary>As root, SQLite would give them to the database's owner.</summary>
    [SkippableFact]
    public async Task The_wal_of_another_user_stays_that_user_s()
    {
        Need.Root();
        await SqliteSamples.LedgerAsync(Database, "wal");
        await using var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 5')");
        await Shell.RunAsync("chown", "4321:1234", Database + "-wal", Database + "-shm");
        place.Configure("itsm", "data/app.db");

        foreach (var command in (string[])["backup", "diagnose", "checklist"])
            await place.RunAsync(command);

        Assert.Equal("4321:1234 4321:1234", await Shell.BashAsync($"echo $(stat -c %u:%g '{Database}-wal' '{Database}-shm')"));
    }

    /// <summary>SQLite's last connection merges the WAL and deletes it; a reader that happens to be the last has no right to.</summary>
    [SkippableFact]
    public async Task A_reader_that_closes_last_leaves_the_wal_where_it_is()
    {
        await SqliteSamples.LedgerAsync(Database, "wal");
        var holder = await SqliteSamples.HoldAsync(Database, "db.execute('PRAGMA wal_autocheckpoint=0')\ndb.execute('UPDATE total SET transfers = 5')");
        using var scratch = new ScratchDirectory(place.In("scratch"));
        var source = new NexusBackupAgent.Sources.Sqlite.SqliteSource(Database, scratch, TimeSpan.FromSeconds(1), Some.Clock);
        var wal = await File.ReadAllBytesAsync(Database + "-wal");
        var content = await File.ReadAllBytesAsync(Database);
        await using (await source.OpenSnapshotAsync(CancellationToken.None))
            await holder.StopAsync();

        Assert.Equal(wal, await File.ReadAllBytesAsync(Database + "-wal"));
        Assert.Equal(content, await File.ReadAllBytesAsync(Database));
        Assert.Equal("5", await SqliteSamples.SqlAsync(Database, "SELECT transfers FROM total")); // the next program finds it all
    }

    /// <summary>Every file with all that a look could change; in the <c>-shm</c> of an open database readers share marks and locks.</summary>
    private async Task<IReadOnlyList<string>> StateAsync(bool isOpen)
    {
        var state = new List<string>();
        foreach (var file in Directory.EnumerateFileSystemEntries(Data).Append(Data).Order(StringComparer.Ordinal))
        {
            var status = FileStatus.Of(file)!.Value;
            if (file == Data)
                status = status with { Changed = 0 }; // a dry run of a restore makes and removes files of its own
            if (isOpen && file != Database && status.IsRegular)
                status = status with { Changed = 0 };
            if (isOpen && file.EndsWith("-shm", StringComparison.Ordinal))
                status = status with { Modified = 0 };
            else if (status.IsRegular)
                state.Add(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(file))));
            state.Add($"{file} {status} {File.GetUnixFileMode(file)}");
        }

        return state;
    }
}
