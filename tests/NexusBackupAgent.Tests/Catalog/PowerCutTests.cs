using System.Text;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>
/// A power cut takes more than a kill: every change that nothing has made durable may be gone, from any of them on. Whatever
/// instant it strikes at, and whatever it takes, the whole backup is left, or nothing that counts.
/// </summary>
public sealed class PowerCutTests
{
    private const string Name = "daily_20260214_020000.db.gz";
    private static readonly DateTimeOffset Yesterday = Some.Instant.AddDays(-1);

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 8, MemberType = typeof(CrashOrderTests))]
    public Task Cut_while_writing_the_whole_backup_is_left_or_nothing_that_counts(int step, string time) => CutAsync(step, time, async catalog => await catalog.AddInPartsAsync());

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 11, MemberType = typeof(CrashOrderTests))]
    public Task Cut_while_deleting_the_whole_backup_is_left_or_nothing_that_counts(int step, string time) => CutAsync(
        step,
        time,
        catalog => catalog.RemoveAsync(new Backup(manifest!, "itsm", new StoredFile(Name, manifest!.Stored.Length, Some.Instant), Verification: null), CancellationToken.None),
        async catalog => manifest = (await catalog.PassAsync(await catalog.AddInPartsAsync())).Manifest);

    private BackupManifest? manifest;

    [Fact]
    public async Task Cut_right_after_the_commit_the_backup_is_left_without_its_mark_or_with_a_mark_that_is_swept_alone()
    {
        foreach (var kept in (int[])[0, 1, 2])
        {
            var store = new MemoryStore();
            var backup = await CatalogUse.CatalogOf(store).AddAsync(Some.Text(1000));
            store.CutPower(kept);
            await AssertWholeAsync(store, Assert.Single(await CatalogUse.CatalogOf(store).AllAsync()));
            Assert.Equal(backup.Id, Assert.Single(await CatalogUse.CatalogOf(store).AllAsync()).Id);
            await SweepAsync(store);
            Assert.Equal([$"itsm/{Name}", $"itsm/{Name}.manifest.json", $"itsm/{Name}.sha256"], store.Paths);
        }
    }

    [Fact]
    public async Task Cut_after_a_reading_its_result_may_be_lost_and_then_the_backup_is_unverified_again()
    {
        var store = new MemoryStore();
        var catalog = CatalogUse.CatalogOf(store);
        await catalog.PassAsync(await catalog.AddAsync(Some.Text(1000)));
        store.CutPower(kept: 0);
        Assert.Equal(BackupState.Unverified, Assert.Single(await CatalogUse.CatalogOf(store).AllAsync()).State);
    }

    [Fact]
    public async Task Cut_after_retention_deleted_for_a_result_that_result_is_left()
    {
        var store = new MemoryStore();
        var catalog = CatalogUse.CatalogOf(store);
        var expired = await catalog.PassAsync(await catalog.AddAsync(Some.Noise(500), Yesterday));
        await catalog.PassAsync(await catalog.AddAsync(Some.Text(1000)));
        using (var dying = new FaultyStore(store, 2, FaultTime.After, staysDead: true)) // the manifest is deleted, and no more
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).RemoveAsync(expired, CancellationToken.None));

        store.CutPower(kept: 0);

        Assert.Equal(BackupState.Good, Assert.Single(await CatalogUse.CatalogOf(store).AllAsync()).State);
    }

    [Fact]
    public async Task Cut_after_setting_aside_where_nothing_can_be_renamed_it_stays_set_aside()
    {
        var store = new MemoryStore();
        var catalog = CatalogUse.CatalogOf(store);
        await catalog.SetAsideAsync(await catalog.PassAsync(await catalog.AddAsync(Some.Text(1000))), CancellationToken.None);
        store.CutPower(kept: 0);
        Assert.Equal(BackupState.Quarantined, Assert.Single(await CatalogUse.CatalogOf(store).AllAsync()).State);
    }

    /// <summary>Does it until the step dies, then cuts the power in every way.</summary>
    private async Task CutAsync(int step, string time, Func<BackupCatalog, Task> work, Func<BackupCatalog, Task>? before = null)
    {
        for (int kept = 0, pending = 0; kept <= pending; kept++)
        {
            var store = new MemoryStore();
            var catalog = CatalogUse.CatalogOf(store);
            var older = await catalog.AddAsync(Some.Noise(500), Yesterday);
            if (before is not null)
                await before(catalog);
            using (var dying = new FaultyStore(store, step, Enum.Parse<FaultTime>(time), staysDead: true))
                await Assert.ThrowsAsync<BackupException>(() => work(CatalogUse.CatalogOf(dying)));

            pending = store.Pending;
            store.CutPower(kept);

            var left = await CatalogUse.CatalogOf(store).AllAsync();
            Assert.InRange(left.Count, 1, 2);
            Assert.Equal(older.Id, left[^1].Id);
            foreach (var backup in left)
                await AssertWholeAsync(store, backup);
            await SweepAsync(store);
            Assert.Equal(left.Select(backup => backup.Id), (await CatalogUse.CatalogOf(store).AllAsync()).Select(backup => backup.Id));
            Assert.All(store.Paths, path => Assert.Contains(left, backup => path.StartsWith("itsm/" + backup.File, StringComparison.Ordinal)));
        }
    }

    private static async Task AssertWholeAsync(MemoryStore store, Backup backup)
    {
        Assert.True(backup.Manifest is { IsCommitted: true, Adopted: false }, backup.File);
        var reading = await ArtifactReader.ReadAsync(await store.OpenAsync("itsm/" + backup.File, CancellationToken.None), Stream.Null, null, CancellationToken.None);
        Assert.Equal((backup.Manifest.Stored, backup.Manifest.Content), (reading.Stored, reading.Content));
        var lines = Encoding.UTF8.GetString(await store.ReadAsync($"itsm/{backup.File}.sha256", CancellationToken.None)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(backup.Manifest.Parts.Count + 1, lines.Length);
        foreach (var part in backup.Manifest.Parts)
        {
            var stored = await ArtifactReader.ReadAsync(part.Encoding, await store.OpenAsync($"itsm/{backup.File}.{part.Name}", CancellationToken.None), Stream.Null, null, CancellationToken.None);
            Assert.Equal((part.Stored, part.Content), (stored.Stored, stored.Content));
        }
    }

    private static async Task SweepAsync(MemoryStore store)
    {
        var catalog = CatalogUse.CatalogOf(store);
        await catalog.SweepAsync(FileSystemClock.Now.AddDays(2), TimeSpan.FromHours(24), CancellationToken.None);
        Assert.Empty(await catalog.FindOrphansAsync(CancellationToken.None));
    }
}
