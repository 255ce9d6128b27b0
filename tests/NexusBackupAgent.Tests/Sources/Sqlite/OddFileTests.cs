using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite;

/// <summary>A pipe, a socket or a device where a database or its companion is expected is refused by name, and nobody waits for it.</summary>
public sealed class OddFileTests : SqliteSourceFixture
{
    private const string Pipe = "mkfifo '{0}'";
    private const string Socket = "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('{0}')\"";
    private const string Device = "mknod '{0}' c 1 5";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    [SkippableTheory]
    [InlineData("", Pipe, "a named pipe")]
    [InlineData("", Socket, "a socket")]
    [InlineData("", Device, "a device")]
    [InlineData("-wal", Pipe, "a named pipe")]
    [InlineData("-wal", Device, "a device")]
    [InlineData("-wal", "mkdir '{0}'", "a directory")]
    [InlineData("-shm", Pipe, "a named pipe")]
    [InlineData("-shm", Socket, "a socket")]
    [InlineData("-journal", Pipe, "a named pipe")]
    [InlineData("-journal", Device, "a device")]
    public async Task It_is_refused_by_name(string ending, string make, string what)
    {
        if (make == Device)
            Need.Root();
        foreach (var journalMode in (string[])["wal", "delete"])
        {
            var database = Path.Combine(Temp.Sub(journalMode), "app.db");
            if (ending.Length > 0)
                await SqliteSamples.LedgerAsync(database, journalMode);
            await Shell.BashAsync(make.Replace("{0}", database + ending, StringComparison.Ordinal));

            var refusal = await RefusalAsync(database).WaitAsync(Soon);

            Assert.Equal(FailureKind.SourceInvalid, refusal.Kind);
            Assert.Contains($"'{database}{ending}' is {what}", refusal.Message, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public async Task Those_that_a_pattern_finds_leave_the_other_sources_alone()
    {
        using var place = new Workplace();
        Directory.CreateDirectory(place.In("data"));
        place.MakeDatabase("data/good.db");
        await Shell.BashAsync($"cd '{place.In("data")}'; mkfifo a.db b.db; {Socket.Replace("{0}", "s.db", StringComparison.Ordinal)}; cp good.db other.db; mkfifo other.db-wal");
        place.Configure("tenants", "data/*.db");

        var run = await place.RunAsync("backup").WaitAsync(Soon);
        Assert.Equal(3, run.Code);
        Assert.Equal(4, run.Errors.Count);
        Assert.Contains(run.Errors, error => error.Contains("a.db' is a named pipe", StringComparison.Ordinal));
        Assert.Contains(run.Errors, error => error.Contains("other.db-wal' is a named pipe", StringComparison.Ordinal));
        Assert.Single(Directory.GetFiles(place.Store, "*.db.gz", SearchOption.AllDirectories));

        var check = await place.RunAsync("check-config").WaitAsync(Soon);
        Assert.Equal(2, check.Code);
        foreach (var name in (string[])["a.db", "b.db", "s.db", "other.db-wal"])
            Assert.Contains(name, check.Output + check.Error, StringComparison.Ordinal);

        foreach (var command in (string[])["status", "list", "report"])
            Assert.Equal((command, 0), (command, (await place.RunAsync(command).WaitAsync(Soon)).Code));
        await place.RunAsync("diagnose").WaitAsync(Soon);
        await place.RunAsync("checklist").WaitAsync(Soon);
    }
}
