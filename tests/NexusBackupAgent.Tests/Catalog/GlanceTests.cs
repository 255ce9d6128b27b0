using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Documents;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>Who looks once at a catalog sees what everybody sees, whatever lies there.</summary>
public sealed class GlanceTests : IDisposable
{
    private const string Newest = "daily_20260214_020000.db.gz";

    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    private LocalDirectoryStore Store => new("local", temp.Path);

    private BackupCatalog Catalog => CatalogUse.CatalogOf(Store);

    private string Path(string file) => System.IO.Path.Combine(temp.Path, "itsm", file);

    private async Task<Backup> AddThreeAsync()
    {
        foreach (var hours in (int[])[48, 24])
            await Catalog.PassAsync(await Catalog.AddAsync(Some.Text(500), Some.Instant.AddHours(-hours)));
        var newest = await Catalog.PassAsync(await Catalog.AddAsync(Some.Text(700)));
        Assert.Equal(Newest, newest.File);
        return newest;
    }

    private async Task AssertAgreeAsync()
    {
        var (backups, orphans) = await Catalog.ListWithOrphansAsync(CancellationToken.None);
        var once = await Catalog.ListOnceAsync(withOrphans: true, CancellationToken.None);
        Assert.Equal(backups.Select(Told), once.Backups.Select(Told));
        Assert.Equal(orphans.Select(orphan => (orphan.File, orphan.Reason, orphan.ModifiedAt)).Order(), once.Orphans.Select(orphan => (orphan.File, orphan.Reason, orphan.ModifiedAt)).Order());
        Assert.Empty((await Catalog.ListOnceAsync(withOrphans: false, CancellationToken.None)).Orphans);
    }

    private string Told(Backup backup) => System.Text.Json.JsonSerializer.Serialize(BackupDocument.OfVerified(Catalog, backup), JsonDocuments.Readably.BackupDocument)
        + backup.Artifact + backup.IsScattered + backup.Unreadable?.Message;

    [Fact]
    public async Task Of_an_ordinary_catalog_no_small_file_is_asked_about_beforehand()
    {
        await AddThreeAsync();
        await AssertAgreeAsync();
        using var glance = await Store.GlanceAsync("itsm", name => name.EndsWith(".db.gz", StringComparison.Ordinal) ? name.ToString() : null, CancellationToken.None);
        Assert.Equal(3, glance!.Files.Count);
        var directory = new SourceDirectory(Store, "itsm", CatalogUse.Formats);
        using var seen = await directory.GlanceAsync(CancellationToken.None);
        Assert.Equal(3, seen!.Files.All.Count());
        Assert.True(seen.Files.Has(BackupFiles.Manifest(Newest)));
        Assert.False(seen.Files.Has(BackupFiles.Drill(Newest)));
        var read = await new BackupReader(directory, "itsm", "sqlite", TimeZoneInfo.Utc).GlanceAsync(seen, CancellationToken.None);
        Assert.NotNull(read); // one look was enough
        Assert.Equal((await Catalog.AllAsync()).Select(Told), read.Select(Told));
    }

    [Fact]
    public async Task A_store_without_that_way_is_listed()
    {
        var memory = CatalogUse.CatalogOf(new MemoryStore());
        await memory.AddAsync(Some.Text(500));
        Assert.Single((await memory.ListOnceAsync(withOrphans: true, CancellationToken.None)).Backups);
    }

    [Theory]
    [InlineData(".manifest.json")]
    [InlineData(".verification.json")]
    [InlineData(".sha256")]
    public async Task A_small_file_that_is_damaged_cut_off_gone_or_none_is_told_alike(string ending)
    {
        await AddThreeAsync();
        var file = Path(Newest + ending);
        var whole = await File.ReadAllBytesAsync(file);
        foreach (var length in (int[])[0, 1, whole.Length / 2, whole.Length - 1])
        {
            await File.WriteAllBytesAsync(file, whole[..length]);
            await AssertAgreeAsync();
        }

        whole[whole.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, whole);
        await AssertAgreeAsync();
        File.Delete(file);
        await AssertAgreeAsync();
        Directory.CreateDirectory(file);
        await AssertAgreeAsync();
        Directory.Delete(file);
        File.CreateSymbolicLink(file, Path(Newest));
        await AssertAgreeAsync();
        File.Delete(file);
        await File.WriteAllBytesAsync(file, new byte[100_000]);
        await AssertAgreeAsync();
    }

    [Fact]
    public async Task What_was_set_aside_is_found_under_either_name()
    {
        var newest = await AddThreeAsync();
        await Catalog.SetAsideAsync(newest, CancellationToken.None);
        await AssertAgreeAsync();
        File.Move(Path(BackupFiles.SetAside(Newest)), Path(Newest)); // alone
        await AssertAgreeAsync();
    }

    [Fact]
    public async Task Leftovers_strangers_and_files_by_hand_are_told_alike()
    {
        await AddThreeAsync();
        foreach (var foreign in (string[])["daily_20260214_050000.dump", "daily_20260214_050000.dump.bad", ".hidden.dump"])
        {
            await File.WriteAllTextAsync(Path(foreign), "x"); // as a kind of source names them that this one is not
            await File.WriteAllBytesAsync(Path(BackupFiles.Manifest(foreign)), ManifestOfAnother(BackupFiles.Original(foreign)));
            await AssertAgreeAsync();
            Assert.Contains((await Catalog.ListOnceAsync(withOrphans: true, CancellationToken.None)).Orphans, orphan => orphan.Reason.Contains("of source crm", StringComparison.Ordinal));
            File.Delete(Path(foreign));
            File.Delete(Path(BackupFiles.Manifest(foreign)));
        }

        await File.WriteAllBytesAsync(Path(BackupFiles.Manifest(BackupFiles.SetAside(Newest))), ManifestOfAnother(Newest)); // beside the one that is read
        await AssertAgreeAsync();
        File.Delete(Path(BackupFiles.Manifest(BackupFiles.SetAside(Newest))));
        await File.WriteAllTextAsync(Path(BackupFiles.Pending("daily_20260214_030000.db.gz")), "");
        await File.WriteAllTextAsync(Path("daily_20260214_030000.db.gz"), "half");
        await File.WriteAllTextAsync(Path(".daily_20260214_040000.db.gz.0123abcd.partial"), "half");
        await AssertAgreeAsync();
        await File.WriteAllBytesAsync(Path("manual_20260210_101010.db.gz"), await Some.ArtifactAsync(Some.Text(100)));
        await AssertAgreeAsync();
        File.Move(Path(Newest), temp["elsewhere"]);
        await AssertAgreeAsync();
        File.Move(temp["elsewhere"], Path(Newest));
        await Sidecar.EditAsync(Path(BackupFiles.Manifest(Newest)), text => text.Replace("\"itsm\"", "\"crm\"", StringComparison.Ordinal));
        await AssertAgreeAsync();
    }

    private static byte[] ManifestOfAnother(string artifact)
    {
        var digest = new ArtifactDigest(1, new string('0', 64));
        return SealedJson.Write(Some.Manifest(artifact, new ArtifactDigests(digest, digest)) with { Source = "crm" }, CatalogJson.Readable.BackupManifest);
    }

    [Fact]
    public async Task A_directory_that_is_absent_or_none_is_told_alike()
    {
        await AssertAgreeAsync();
        await File.WriteAllTextAsync(temp["itsm"], "");
        var listed = await Assert.ThrowsAsync<NexusBackupAgent.Common.BackupException>(() => Catalog.ListAsync(CancellationToken.None));
        var once = await Assert.ThrowsAsync<NexusBackupAgent.Common.BackupException>(() => Catalog.ListOnceAsync(withOrphans: true, CancellationToken.None));
        Assert.Equal((listed.Kind, listed.Message), (once.Kind, once.Message));
    }

    [SkippableFact]
    public async Task A_pipe_in_the_directory_s_place_keeps_nobody_waiting()
    {
        Need.Tool("mkfifo");
        await Shell.RunAsync("mkfifo", temp["itsm"]);
        await Assert.ThrowsAsync<NexusBackupAgent.Common.BackupException>(() => Catalog.ListOnceAsync(withOrphans: true, CancellationToken.None));
    }
}
