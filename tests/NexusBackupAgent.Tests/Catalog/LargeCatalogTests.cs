using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>Directories with so many backups that several threads read them.</summary>
public sealed class LargeCatalogTests : IDisposable
{
    private const int Count = 2500;

    private static readonly ArtifactDigest Digest = new(1, new string('0', 64));

    private readonly TempDirectory temp = new();

    public LargeCatalogTests()
    {
        var directory = temp.Sub("itsm");
        for (var hour = 0; hour < Count; hour++)
        {
            var at = Some.Instant.AddHours(-hour);
            var file = Path.Combine(directory, Name(hour));
            File.WriteAllText(file, "x");
            File.WriteAllBytes(
                BackupFiles.Manifest(file),
                SealedJson.Write(Some.Manifest(Name(hour), new ArtifactDigests(Digest, Digest), at), CatalogJson.Readable.BackupManifest));
        }
    }

    private LocalDirectoryStore Store => new("local", temp.Path);

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task Every_backup_is_listed_once_and_newest_first()
    {
        var listed = await CatalogUse.CatalogOf(Store).AllAsync();
        Assert.Equal(Enumerable.Range(0, Count).Select(Name), listed.Select(backup => backup.File));
        Assert.All(listed, backup => Assert.Equal(backup.File, backup.Manifest.File));
    }

    [Fact]
    public async Task A_damaged_manifest_spoils_its_own_backup_alone()
    {
        await File.WriteAllTextAsync(Path.Combine(temp.Sub("itsm"), BackupFiles.Manifest(Name(1234))), "{");
        var listed = await CatalogUse.CatalogOf(Store).AllAsync();
        Assert.Equal(Count, listed.Count);
        Assert.Equal([Name(1234)], listed.Where(backup => backup.State == BackupState.Corrupt).Select(backup => backup.File));
    }

    [Fact]
    public async Task Who_looks_once_sees_the_same_whole_and_damaged()
    {
        var directory = new SourceDirectory(Store, "itsm", CatalogUse.Formats);
        using (var glance = await directory.GlanceAsync(CancellationToken.None))
            Assert.NotNull(await new BackupReader(directory, "itsm", "sqlite", TimeZoneInfo.Utc).GlanceAsync(glance!, CancellationToken.None));
        await AssertSeenAlikeAsync(corrupt: []);
        await File.WriteAllTextAsync(Path.Combine(temp.Sub("itsm"), BackupFiles.Manifest(Name(1234))), "{");
        await AssertSeenAlikeAsync(corrupt: [Name(1234)]);

        async Task AssertSeenAlikeAsync(string[] corrupt)
        {
            var once = (await CatalogUse.CatalogOf(Store).ListOnceAsync(withOrphans: true, CancellationToken.None)).Backups;
            Assert.Equal((await CatalogUse.CatalogOf(Store).AllAsync()).Select(Told), once.Select(Told));
            Assert.Equal(Count, once.Count);
            Assert.Equal(corrupt, once.Where(backup => backup.State == BackupState.Corrupt).Select(backup => backup.File));
        }

        static (string, BackupId, BackupState, DateTimeOffset) Told(Backup backup) => (backup.File, backup.Id, backup.State, backup.CapturedAt);
    }

    [Fact]
    public async Task A_manifest_that_vanishes_while_others_are_read_hides_no_backup()
    {
        using var store = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false)
        {
            Opening = path => path.EndsWith(BackupFiles.Manifest(Name(777)), StringComparison.Ordinal) ? new FileNotFoundException(path) : null,
        };
        var listed = await CatalogUse.CatalogOf(store).AllAsync();
        Assert.Equal(Count, listed.Count);
        Assert.Equal([Name(777)], listed.Where(backup => backup.Unreadable is not null).Select(backup => backup.File));
    }

    [Fact]
    public async Task A_newer_agent_s_manifest_is_named_as_in_a_small_catalog()
    {
        var file = Path.Combine(temp.Sub("itsm"), BackupFiles.Manifest(Name(2000)));
        await Sidecar.EditAsync(file, text => text.Replace("\"formatVersion\": 2", "\"formatVersion\": 99", StringComparison.Ordinal));
        var named = Assert.Single(await CatalogUse.CatalogOf(Store).AllAsync(), backup => backup.Unreadable is not null);
        Assert.Equal(Name(2000), named.File);
        Assert.Contains("newer agent", named.Unreadable!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_asks_it_to_stop_does_not_wait_for_the_rest()
    {
        using var stop = new CancellationTokenSource();
        var read = 0;
        using var store = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false)
        {
            Opening = path =>
            {
                if (path == "itsm")
                    return null; // the listing
                stop.Cancel(); // by each thread before it reads its first file, so that none goes on because another one is slow to say so
                Interlocked.Increment(ref read);
                return null;
            },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CatalogUse.CatalogOf(store).ListAsync(stop.Token));
        Assert.InRange(read, 1, Count / 10); // the other threads go on until the word has reached them
    }

    [Fact]
    public async Task Links_and_directories_are_told_apart_from_files()
    {
        var directory = temp.Sub("itsm");
        Directory.CreateDirectory(Path.Combine(directory, "weekly_20260101_000000.db.gz"));
        File.CreateSymbolicLink(Path.Combine(directory, "linked_20260101_000000.db.gz"), Name(0));
        var files = await Store.ListAsync("itsm", CancellationToken.None);
        Assert.True(files.Single(file => file.Name == "weekly_20260101_000000.db.gz").IsOdd);
        Assert.Equal(1, files.Single(file => file.Name == "linked_20260101_000000.db.gz").Length);
        Assert.Equal((2 * Count) + 2, files.Count);
    }

    private static string Name(int hour) => BackupFiles.Artifact("daily", Some.Instant.AddHours(-hour), TimeZoneInfo.Utc, duplicate: 0, ".db.gz");
}
