using NexusBackupAgent.Catalog;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>A source that compresses with zstd, from the configuration to the restored database, beside backups in gzip.</summary>
public sealed class ZstdCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [SkippableFact]
    public async Task Chains_go_over_both_methods_and_each_restores()
    {
        Need.Tool("zstd");
        await DoAsync("backup", "--type", "full");
        Use("zstd");
        await ChangeAsync("first");
        await DoAsync("backup", "--type", "incremental");
        await ChangeAsync("second");
        await DoAsync("backup", "--type", "full");
        Use("{method: zstd, level: 9}");
        await ChangeAsync("third");
        await DoAsync("backup", "--type", "differential");
        Use("gzip");
        await ChangeAsync("fourth");
        await DoAsync("backup", "--type", "incremental");

        Assert.Equal([".db-wal.gz", ".db-wal.zst", ".db-wal.zst", ".db.gz", ".db.zst"], Artifacts().Select(file => Path.GetFileName(file)[Path.GetFileName(file).IndexOf('.', StringComparison.Ordinal)..]).Order(StringComparer.Ordinal));
        await Shell.BashAsync($"cd '{place.Store}'; sha256sum --quiet -c *.sha256; zstd -qt *.zst; gunzip -t *.gz");
        await DoAsync("verify", "--all");
        var listed = (await place.RunAsync("list", "--json")).Json.EnumerateArray().ToList();
        string[] titles = ["fourth", "third", "second", "first", "メールが届かない 7"];
        for (var age = 0; age < titles.Length; age++)
        {
            await DoAsync("restore", "itsm", "--id", listed[age].GetProperty("id").GetString()!, "--to", place.In($"{age}.db"));
            Assert.Equal(titles[age], await SqliteSamples.SqlAsync(place.In($"{age}.db"), "SELECT title FROM incidents WHERE id = 7"));
        }
    }

    [SkippableFact]
    public async Task Damage_is_found_and_replaced_and_what_a_crash_left_is_swept()
    {
        Use("zstd");
        await DoAsync("backup");
        Damage.FlipBit(Assert.Single(Artifacts()));

        Assert.Equal(4, (await place.RunAsync("verify")).Code);

        Assert.Single(Artifacts());
        Assert.Single(Directory.GetFiles(place.Store, "*.db.zst.bad"));
        await DoAsync("verify");
        var left = Path.Combine(place.Store, Path.GetFileName(Artifacts().Single()).Replace("manual", "daily", StringComparison.Ordinal));
        var mark = Path.Combine(place.Store, BackupFiles.Pending(Path.GetFileName(left)));
        File.Copy(Artifacts().Single(), left);
        await File.WriteAllTextAsync(mark, "");
        foreach (var file in (string[])[left, mark])
            File.SetLastWriteTimeUtc(file, Workplace.Now.UtcDateTime.AddDays(-3));
        await DoAsync("backup");
        Assert.False(File.Exists(left), "an agent's own unfinished artifact");
    }

    [SkippableFact]
    public async Task What_somebody_made_by_hand_with_zstd_is_taken_into_the_catalog()
    {
        Need.Tool("zstd");
        await Shell.BashAsync($"cd '{place.Path}'; sqlite3 itsm.db \".backup 'copy.db'\"; zstd -q copy.db -o backups/manual_20260214_093000.db.zst; cd backups; sha256sum manual_20260214_093000.db.zst > manual_20260214_093000.db.zst.sha256");
        await DoAsync("verify", "--all");
        var backup = Assert.Single((await place.RunAsync("list", "--json")).Json.EnumerateArray());
        Assert.Equal(("manual", "good"), (backup.GetProperty("schedule").GetString(), backup.GetProperty("state").GetString()));
        await DoAsync("restore", "itsm", "--to", place.In("restored.db"));
    }

    [SkippableFact]
    public async Task What_needs_more_memory_than_a_file_gets_is_told_and_not_taken_for_damaged()
    {
        Need.Tool("zstd");
        await Shell.BashAsync($"cd '{place.Path}'; sqlite3 itsm.db \".backup 'copy.db'\"; cat copy.db | zstd -q --long=28 > backups/manual_20260214_093000.db.zst");

        var refused = await place.RunAsync("verify", "--all");

        Assert.Equal(3, refused.Code);
        Assert.Contains("a window of more than 128 MiB", refused.Error, StringComparison.Ordinal);
        Assert.Contains("zstd -dc --long=31 FILE | zstd > NEW", refused.Error, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(place.Store, "*.db.zst"));
        Assert.Empty(Directory.GetFiles(place.Store, "*.bad"));
        await Shell.BashAsync($"cd '{place.Store}'; zstd -qdc --long=31 *.db.zst | zstd -q > new; mv new *.db.zst");
        await DoAsync("verify", "--all");
    }

    [Fact]
    public async Task What_compresses_is_told_of_the_methods_in_use_alone()
    {
        Use("zstd");
        var told = (await place.RunAsync("check-config")).Output.Split('\n').Where(line => line.StartsWith("compression by ", StringComparison.Ordinal));
        Assert.Equal(["compression by ZstdSharp (zstd)"], told);
    }

    private string[] Artifacts() => [.. Directory.GetFiles(place.Store).Where(file => file.EndsWith(".gz", StringComparison.Ordinal) || file.EndsWith(".zst", StringComparison.Ordinal))];

    private Task ChangeAsync(string title) => SqliteSamples.SqlAsync(place.In("itsm.db"), $"UPDATE incidents SET title = '{title}' WHERE id = 7");

    private void Use(string compression)
    {
        place.Configure("itsm", "itsm.db");
        File.AppendAllText(place.Configuration, $"    compression: {compression}\n");
    }

    private async Task DoAsync(params string[] arguments)
    {
        var done = await place.RunAsync(arguments);
        Assert.True(done.Code == 0, $"{string.Join(' ', arguments)}: {done.Code} {done.Error}");
    }
}
