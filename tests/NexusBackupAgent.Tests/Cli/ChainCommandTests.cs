using System.Globalization;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>What the commands say of chains, whole and broken.</summary>
public sealed class ChainCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task Verify_fails_where_nothing_can_be_restored_for_want_of_a_base()
    {
        await BackUpAsync("full");
        await BackUpAsync("incremental");
        foreach (var file in Directory.GetFiles(place.Store, "*.db.gz*"))
            File.Delete(file);

        foreach (var arguments in (string[][])[["verify"], ["verify", "itsm"], ["verify", "--all"]])
        {
            var verified = await place.RunAsync(arguments);
            Assert.Equal(4, verified.Code);
            Assert.Contains("can", verified.Errors[0], StringComparison.Ordinal);
            Assert.Contains("be restored", verified.Errors[0], StringComparison.Ordinal);
            Assert.DoesNotContain(" 0 that", verified.Errors[0], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_damaged_full_backup_is_found_once_and_everything_says_what_is_lost_with_it()
    {
        await BackUpAsync("full");
        await BackUpAsync("differential");
        await BackUpAsync("incremental");
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
        var full = Assert.Single(Directory.GetFiles(place.Store, "*.db.gz"));
        Damage.FlipBit(full);

        var verified = await place.RunAsync("verify", "--all");

        Assert.Equal(4, verified.Code);
        Assert.StartsWith($"error: backup '{full}' of 'itsm' is corrupt: its SHA-256 is ", verified.Errors[0], StringComparison.Ordinal);
        Assert.Equal(2, verified.Errors.Count(error => error.Contains($"cannot be restored: {Path.GetFileName(full)}, which it needs, is corrupt", StringComparison.Ordinal)));
        Assert.Equal(2, verified.Errors.Count(error => error.EndsWith("next: no other can be either; make a new one: nexus-backup backup 'itsm'", StringComparison.Ordinal)));
        Assert.Contains("replaces it", verified.Output, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(place.Store, "*.bad"));

        var listed = await place.RunAsync("list");
        Assert.Contains($"({Path.GetFileName(full)}, which it needs, is corrupt: its SHA-256", Unwrapped(listed.Output), StringComparison.Ordinal);
        var json = (await place.RunAsync("list", "--json")).Json.EnumerateArray().ToList();
        Assert.Equal(["full:good", "incremental:quarantined", "differential:quarantined", "full:quarantined"], json.Select(backup => $"{backup.GetProperty("type")}:{backup.GetProperty("state")}"));
        Assert.Equal(2, json.Count(backup => backup.TryGetProperty("brokenChain", out var reason) && reason.GetString()!.Contains("which it needs, is corrupt", StringComparison.Ordinal)));

        var one = await place.RunAsync("verify", json[1].GetProperty("id").GetString()!);
        Assert.Equal((4, 1), (one.Code, one.Errors.Count));
        Assert.EndsWith("next: what can be is in nexus-backup list 'itsm'", one.Errors[0], StringComparison.Ordinal); // the new one
        Assert.Equal(0, (await place.RunAsync("verify")).Code);

        var refused = await place.RunAsync("restore", "itsm", "--id", json[1].GetProperty("id").GetString()!, "--to", place.In("restored.db"));
        Assert.NotEqual(0, refused.Code);
        Assert.Contains("cannot be restored: ", Assert.Single(refused.Errors), StringComparison.Ordinal);
        Assert.False(File.Exists(place.In("restored.db")));
    }

    [SkippableFact]
    public async Task Each_restore_point_is_the_same_from_the_agent_and_from_sqlite3_alone()
    {
        Need.Tool("sqlite3");
        string[] types = ["full", "differential", "incremental", "incremental", "differential", "incremental"];
        foreach (var type in types)
            await BackUpAsync(type);
        Assert.Equal(0, (await place.RunAsync("verify", "--all")).Code);
        var backups = (await place.RunAsync("list", "--json")).Json.EnumerateArray().Reverse().ToList();
        Assert.Equal(types, backups.Select(backup => backup.GetProperty("type").GetString()));
        int?[] bases = [null, 0, 1, 2, 0, 4];

        for (var place0 = 0; place0 < types.Length; place0++)
        {
            var (agents, byHand) = (place.In($"agents{place0}.db"), place.In($"by-hand{place0}.db"));
            Assert.Equal(0, (await place.RunAsync("restore", "itsm", "--id", backups[place0].GetProperty("id").GetString()!, "--to", agents)).Code);
            var chain = new Stack<string>();
            for (int? link = place0; link is { } number; link = bases[number])
                chain.Push(backups[number].GetProperty("file").GetString()!);
            await Shell.BashAsync($"gunzip -c '{chain.Pop()}' > '{byHand}'");
            foreach (var increment in chain)
                await Shell.BashAsync($"gunzip -c '{increment}' > '{byHand}-wal' && sqlite3 '{byHand}' 'PRAGMA wal_checkpoint(TRUNCATE)' && rm -f '{byHand}-wal' '{byHand}-shm'");
            await Shell.RunAsync("cmp", agents, byHand);
        }
    }

    [Fact]
    public async Task The_plan_of_a_restore_names_the_chain()
    {
        await BackUpAsync("full");
        await BackUpAsync("incremental");
        await BackUpAsync("incremental");

        var plan = await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"), "--dry-run");
        var json = (await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"), "--dry-run", "--json")).Json;

        Assert.Contains("(full) + 2 increments, each applied to the one before", Unwrapped(plan.Output), StringComparison.Ordinal);
        Assert.Equal(3, json.GetProperty("plan").GetProperty("chain").GetArrayLength());
        Assert.Equal(0, (await place.RunAsync("restore", "itsm", "--to", place.In("restored.db"))).Code);
        Assert.True(File.Exists(place.In("restored.db")));
    }

    private static string Unwrapped(string output) => string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private async Task BackUpAsync(string type)
    {
        using (var connection = place.Open("itsm.db"))
            Workplace.Execute(connection, string.Create(CultureInfo.InvariantCulture, $"UPDATE incidents SET title = title || '!' WHERE id % 97 = {type.Length}"));
        var result = await place.RunAsync("backup", "--type", type);
        Assert.True(result.Code == 0, result.Error);
    }
}
