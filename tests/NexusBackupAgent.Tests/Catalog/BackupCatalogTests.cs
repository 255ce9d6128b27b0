using System.Text.Json.Nodes;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

public sealed class BackupCatalogTests : IDisposable
{
    private readonly TempDirectory temp = new();

    private BackupCatalog Fresh => CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path));

    private string Directory => temp.Sub("itsm");

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task Backups_are_listed_newest_first_with_what_was_committed()
    {
        var first = await Fresh.AddAsync(Some.Text(10), Some.Instant);
        var second = await Fresh.AddAsync(Some.Text(20), Some.Instant.AddHours(1));
        var listed = await Fresh.AllAsync();

        Assert.Equal([second.Id, first.Id], listed.Select(backup => backup.Id));
        Assert.Equivalent(second.Manifest, listed[0].Manifest, strict: true);
        Assert.All(listed, backup => Assert.Equal(BackupState.Unverified, backup.State));
    }

    [Fact]
    public async Task File_names_carry_the_configured_zone_s_time()
    {
        var catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path), Some.Tokyo);
        Assert.Equal("daily_20260214_110000.db.gz", (await catalog.AddAsync(Some.Text(10))).File);
    }

    [Fact]
    public async Task A_second_backup_in_the_same_second_gets_a_name_of_its_own()
    {
        Assert.Equal(
            ["daily_20260214_020000.db.gz", "daily_20260214_020000-1.db.gz", "daily_20260214_020000-2.db.gz"],
            [(await Fresh.AddAsync(Some.Text(1))).File, (await Fresh.AddAsync(Some.Text(2))).File, (await Fresh.AddAsync(Some.Text(3), Some.Instant.AddMilliseconds(900))).File]);
        Assert.Equal(3, (await Fresh.AllAsync()).Count);
    }

    [Fact]
    public async Task The_hour_that_happens_twice_gives_two_names()
    {
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path), berlin);
        var summer = new DateTimeOffset(2026, 10, 25, 0, 30, 0, TimeSpan.Zero);

        Assert.Equal("daily_20261025_023000.db.gz", (await catalog.AddAsync(Some.Text(1), summer)).File);
        Assert.Equal("daily_20261025_023000-1.db.gz", (await catalog.AddAsync(Some.Text(1), summer.AddHours(1))).File);
    }

    [Theory]
    [InlineData("manual_20261025_023000.db.gz", "2026-10-25T01:30:00Z")] // twice: taken for the later one
    [InlineData("manual_20260329_033000.db.gz", "2026-03-29T01:30:00Z")]
    [InlineData("manual_20260214_020000.db.gz", "2026-02-14T01:00:00Z")]
    [InlineData("weird name 'x' \"y\" 東京 20260214_020000.db.gz", "2026-02-14T01:00:00Z")]
    public async Task A_hand_made_file_is_as_old_as_its_name_says(string file, string expected)
    {
        await File.WriteAllTextAsync(Path.Combine(Directory, file), "x");
        var catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path), TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"));

        var backup = Assert.Single(await catalog.AllAsync());
        Assert.Equal(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), backup.CapturedAt);
        Assert.Equal((BackupManifest.ManualSchedule, true, BackupState.Unverified), (backup.Schedule, backup.Manifest.Adopted, backup.State));
    }

    [Theory]
    [InlineData("manual_20260329_023000.db.gz")] // in Berlin this hour never was
    [InlineData("before-upgrade.db.gz")]
    [InlineData("manual_20261399_999999.db.gz")]
    public async Task A_hand_made_file_whose_name_tells_no_time_is_as_old_as_its_writing(string file)
    {
        var path = Path.Combine(Directory, file);
        await File.WriteAllTextAsync(path, "x");
        File.SetLastWriteTimeUtc(path, Some.Instant.UtcDateTime);
        var catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path), TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"));

        Assert.Equal(Some.Instant, Assert.Single(await catalog.AllAsync()).CapturedAt);
    }

    [Fact]
    public async Task A_hand_made_file_is_not_younger_than_its_writing_whatever_its_name_says()
    {
        var file = Path.Combine(temp.Sub("itsm"), "manual_20991231_000000.db.gz");
        await File.WriteAllTextAsync(file, "x");
        File.SetLastWriteTimeUtc(file, Some.Instant.UtcDateTime);

        Assert.Equal(Some.Instant, Assert.Single(await CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Path)).AllAsync()).CapturedAt);
    }

    [Fact]
    public async Task An_empty_file_is_corrupt_without_being_read()
    {
        await File.WriteAllTextAsync(Path.Combine(Directory, "manual_20260214_020000.db.gz"), "");
        Assert.Equal(BackupState.Corrupt, Assert.Single(await Fresh.AllAsync()).State);
    }

    [Fact]
    public async Task A_file_that_changed_its_size_is_corrupt_without_being_read()
    {
        var backup = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        Assert.Equal(BackupState.Good, Assert.Single(await Fresh.AllAsync()).State);
        await File.AppendAllTextAsync(Path.Combine(Directory, backup.File), "x");
        Assert.Equal(BackupState.Corrupt, Assert.Single(await Fresh.AllAsync()).State);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("""{"formatVersion":1,"id":"20260214T020000Z-000000","file":"daily_20260214_020000.db.gz"}""")]
    [InlineData("""{"formatVersion":1,"id":"a","source":"itsm","kind":"sqlite","schedule":null,"type":"full","file":"daily_20260214_020000.db.gz","capturedAt":"2026-02-14T02:00:00Z","content":{"length":1,"sha256":"a"},"stored":{"length":1,"sha256":"b"},"tools":{}}""")]
    [InlineData("""{"formatVersion":1,"id":"a","source":"itsm","kind":"sqlite","schedule":"daily","type":"full","file":"daily_20260214_020000.db.gz","capturedAt":"2026-02-14T02:00:00Z","content":{"length":1},"stored":{"length":1,"sha256":"b"},"tools":{}}""")]
    public async Task A_damaged_manifest_makes_its_own_backup_corrupt_and_hides_no_other(string text)
    {
        var damaged = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        var other = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000), Some.Instant.AddDays(-1)));
        await File.WriteAllTextAsync(Path.Combine(Directory, damaged.File + ".manifest.json"), text);

        var listed = await Fresh.AllAsync();

        Assert.Equal(2, listed.Count);
        Assert.Equal(BackupState.Good, listed.Single(backup => backup.Id == other.Id).State);
        var found = listed.Single(backup => backup.File == damaged.File);
        Assert.Equal(BackupState.Corrupt, found.State);
        Assert.Contains("manifest", found.Verification!.FirstFailure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_manifest_of_another_backup_does_not_count()
    {
        var first = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        var second = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000), Some.Instant.AddDays(-1)));
        File.Copy(Path.Combine(Directory, first.File + ".manifest.json"), Path.Combine(Directory, second.File + ".manifest.json"), overwrite: true);

        var listed = await Fresh.AllAsync();
        Assert.Equal([BackupState.Good, BackupState.Corrupt], listed.Select(backup => backup.State));
    }

    [Fact]
    public async Task A_verification_of_another_backup_does_not_count()
    {
        var first = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        var second = await Fresh.AddAsync(Some.Text(1000), Some.Instant.AddDays(-1));
        File.Copy(Path.Combine(Directory, first.File + ".verification.json"), Path.Combine(Directory, second.File + ".verification.json"));

        Assert.Equal(BackupState.Unverified, (await Fresh.AllAsync()).Single(backup => backup.Id == second.Id).State);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"id":"x","passed":true}""")]
    public async Task A_damaged_verification_is_no_verification(string text)
    {
        var backup = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        await File.WriteAllTextAsync(Path.Combine(Directory, backup.File + ".verification.json"), text);
        Assert.Equal(BackupState.Unverified, Assert.Single(await Fresh.AllAsync()).State);
    }

    [Fact]
    public async Task A_verification_without_its_checks_is_no_verification()
    {
        var backup = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        var path = Path.Combine(Directory, backup.File + ".verification.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(path))!.AsObject();
        json.Remove("checks");
        await File.WriteAllTextAsync(path, json.ToJsonString());
        Assert.Equal(BackupState.Unverified, Assert.Single(await Fresh.AllAsync()).State);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("brotli")] // a word that only a newer agent knows is no damage
    public async Task What_a_newer_agent_wrote_is_named_and_hides_nothing_else(string encoding)
    {
        var newer = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000)));
        var other = await Fresh.PassAsync(await Fresh.AddAsync(Some.Text(1000), Some.Instant.AddDays(-1)));
        await Sidecar.EditAsync(Path.Combine(Directory, newer.File + ".manifest.json"), text => text
            .Replace("\"formatVersion\": 2", "\"formatVersion\": 3", StringComparison.Ordinal)
            .Replace("\"encoding\": \"gzip\"", $"\"encoding\": \"{encoding}\"", StringComparison.Ordinal));

        var listed = await Fresh.AllAsync();

        Assert.Equal([(newer.File, BackupState.Unverified), (other.File, BackupState.Good)], listed.Select(backup => (backup.File, backup.State)));
        Assert.Contains("newer agent (format 3;", listed[0].Unreadable!.Message, StringComparison.Ordinal);
        Assert.Contains("update this agent", listed[0].Unreadable!.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_catalog_that_lives_long_sees_what_others_change()
    {
        var catalog = Fresh;
        var backup = await Fresh.AddAsync(Some.Text(1000));
        Assert.Equal(BackupState.Unverified, Assert.Single(await catalog.AllAsync()).State);
        await Fresh.PassAsync(backup);
        Assert.Equal(BackupState.Good, Assert.Single(await catalog.AllAsync()).State);
        await Fresh.RemoveAsync(backup, CancellationToken.None);
        Assert.Empty(await catalog.AllAsync());
    }
}
