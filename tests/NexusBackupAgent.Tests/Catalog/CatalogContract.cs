using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>What a catalog does on every store, whether or not that can rename.</summary>
public abstract class CatalogContract
{
    private const string Name = "daily_20260214_020000.db.gz";
    private static readonly TimeSpan Grace = TimeSpan.FromHours(24);

    /// <summary>One and the same.</summary>
    private protected abstract IBackupStore Store { get; }

    private BackupCatalog Catalog => CatalogUse.CatalogOf(Store);

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 8, MemberType = typeof(CrashOrderTests))]
    public async Task A_kill_while_writing_parts_leaves_all_or_nothing(int step, string time)
    {
        var older = await Catalog.AddAsync(Some.Noise(500), Some.Instant.AddDays(-1));
        using (var dying = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).AddInPartsAsync());

        var committed = (step, time) is (6, nameof(FaultTime.After)) or (7 or 8, _);
        await AssertAllOrNothingAsync(older, committed ? 2 : 1);
    }

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 11, MemberType = typeof(CrashOrderTests))]
    public async Task A_kill_while_deleting_parts_leaves_all_or_nothing(int step, string time)
    {
        var older = await Catalog.AddAsync(Some.Noise(500), Some.Instant.AddDays(-1));
        var backup = await Catalog.PassAsync(await Catalog.AddInPartsAsync());
        using (var dying = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).RemoveAsync(backup, CancellationToken.None));

        await AssertAllOrNothingAsync(older, step is 1 or 2 || (step, time) is (3, nameof(FaultTime.Before)) ? 2 : 1);
    }

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 8, MemberType = typeof(CrashOrderTests))]
    public async Task Abandoning_parts_after_a_fault_leaves_nothing_at_all(int step, string time)
    {
        using (var faulty = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: false))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(faulty).AddInPartsAsync());

        await Catalog.AbandonAsync(Name, isWritten: step > 2, CancellationToken.None);

        Assert.Empty(await FilesAsync());
    }

    [Fact]
    public async Task Parts_are_named_after_the_artifact_and_each_has_its_line_in_the_checksum_file()
    {
        var backup = await Catalog.AddInPartsAsync();

        Assert.Equal([Name, Name + ".log.db.gz", Name + ".manifest.json", Name + ".sha256"], await FilesAsync());
        var lines = (await TextAsync(Name + ".sha256")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([$"{backup.Manifest.Stored.Sha256}  {Name}", $"{backup.Manifest.Parts[0].Stored.Sha256}  {Name}.log.db.gz"], lines);
        var listed = Assert.Single(await Catalog.AllAsync());
        Assert.Equal((backup.Id, 300L), (listed.Id, listed.Parts[0]!.Value.Length));
        Assert.Empty(await Catalog.FindOrphansAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_backup_without_one_of_its_parts_is_corrupt_without_being_read()
    {
        var backup = await Catalog.PassAsync(await Catalog.AddInPartsAsync());
        Assert.Equal(BackupState.Good, Assert.Single(await Catalog.AllAsync()).State);
        await Store.DeleteAsync($"itsm/{backup.File}.log.db.gz", Durability.Now, CancellationToken.None);
        Assert.Equal(BackupState.Corrupt, Assert.Single(await Catalog.AllAsync()).State);
    }

    [Fact]
    public async Task What_is_set_aside_stays_so_with_all_its_parts_until_it_is_removed()
    {
        var backup = await Catalog.PassAsync(await Catalog.AddInPartsAsync());

        var aside = await Catalog.SetAsideAsync(backup, CancellationToken.None);

        Assert.Equal((BackupState.Quarantined, true), (aside.State, aside.IsSetAside));
        var listed = Assert.Single(await Catalog.AllAsync());
        Assert.Equal((backup.Id, BackupState.Quarantined, true, false), (listed.Id, listed.State, listed.IsSetAside, listed.IsScattered));
        Assert.Equal(300, listed.Parts[0]!.Value.Length);
        Assert.Empty(await Catalog.FindOrphansAsync(CancellationToken.None));
        Assert.Empty(await Catalog.SweepAsync(FileSystemClock.Now.AddYears(1), Grace, CancellationToken.None));

        await Catalog.RemoveAsync(listed, CancellationToken.None);
        Assert.Empty(await FilesAsync());
    }

    [Fact]
    public async Task What_is_set_aside_stays_so_although_its_manifest_is_damaged()
    {
        var backup = await Catalog.AddAsync(Some.Text(1000));
        await PutAsync(BackupFiles.Manifest(backup.File), "{");
        var corrupt = Assert.Single(await Catalog.AllAsync());
        Assert.Equal(BackupState.Corrupt, corrupt.State);

        await Catalog.SetAsideAsync(corrupt, CancellationToken.None);

        Assert.Equal(BackupState.Quarantined, Assert.Single(await Catalog.AllAsync()).State);
    }

    [Fact]
    public async Task A_session_looks_once_and_knows_afterwards_what_it_did_itself()
    {
        await Catalog.PassAsync(await Catalog.AddAsync(Some.Text(1000), Some.Instant.AddDays(-3)));
        var old = await Catalog.PassAsync(await Catalog.AddAsync(Some.Text(1000), Some.Instant.AddDays(-2)));
        var doubtful = await Catalog.AddAsync(Some.Text(1000), Some.Instant.AddDays(-1));
        await PutAsync(".daily_20260101_020000.db.gz.pending", "");
        using var watched = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false);

        var session = await CatalogUse.CatalogOf(watched).OpenAsync(CancellationToken.None);
        await session.SweepAsync(FileSystemClock.Now.AddYears(1), Grace, CancellationToken.None);
        var first = await session.PassAsync(await session.AddAsync(Some.Text(1000)));
        var second = await session.PassAsync(await session.AddInPartsAsync()); // of the same second: the name must differ
        Assert.NotNull(await session.ReadChecksumsAsync(first.File, CancellationToken.None));
        await session.RemoveAsync(old, CancellationToken.None);
        await session.SetAsideAsync(doubtful, CancellationToken.None);
        var known = await session.AllAsync();

        Assert.Equal(1, watched.Listings);
        Assert.Equal([second.Id, first.Id], known.Take(2).Select(backup => backup.Id).OrderBy(id => id != second.Id));
        Assert.Equal((await Catalog.AllAsync()).Select(Told), known.Select(Told));
        Assert.Empty(await session.FindOrphansAsync(CancellationToken.None));
        Assert.Equal(1, watched.Listings);

        static object Told(Backup backup) => (backup.Id, backup.File, backup.State, backup.ActualLength, backup.Artifact.ModifiedAt, backup.IsScattered, backup.Manifest.Stored);
    }

    [Fact]
    public async Task A_session_looks_again_after_a_change_of_which_nobody_knows_how_far_it_came()
    {
        var backup = await Catalog.AddAsync(Some.Text(1000));
        using var failing = new FaultyStore(Store, 1, FaultTime.After, staysDead: false);
        var session = await CatalogUse.CatalogOf(failing).OpenAsync(CancellationToken.None);

        await Assert.ThrowsAsync<BackupException>(() => session.PassAsync(backup));

        Assert.Equal(BackupState.Good, Assert.Single(await session.AllAsync()).State);
        Assert.Equal(2, failing.Listings);
    }

    [Fact]
    public async Task A_session_commits_no_increment_of_a_base_that_somebody_took_away_meanwhile()
    {
        var full = await Catalog.PassAsync(await Catalog.AddAsync(Some.Text(1000)));
        var session = await Catalog.OpenAsync(CancellationToken.None);
        var artifact = await session.BeginAsync("hourly", BackupType.Incremental, Some.Instant.AddHours(1), CancellationToken.None);
        await Store.DeleteAsync("itsm/" + full.File, Durability.Now, CancellationToken.None);

        var failure = await Assert.ThrowsAsync<BackupException>(() => session.CommitAsync(
            full.Manifest with { Id = BackupId.New(Some.Instant.AddHours(1)), Type = BackupType.Incremental, Base = full.Id, File = artifact }, CancellationToken.None));

        Assert.Contains("was removed or set aside meanwhile", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backups_and_orphans_come_of_one_look()
    {
        using var watched = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false);
        var catalog = CatalogUse.CatalogOf(watched);
        await Catalog.AddAsync(Some.Text(1000));
        await PutAsync(".daily_20260101_020000.db.gz.pending", "");

        var (backups, orphans) = await catalog.ListWithOrphansAsync(CancellationToken.None);

        Assert.Equal((1, 1, 1), (backups.Count, orphans.Count, watched.Listings));
    }

    [Fact]
    public async Task What_an_interrupted_removal_leaves_is_never_adopted_where_nothing_in_it_tells_who_wrote_it()
    {
        const string Dump = "daily_20260214_020000.dump";
        var formats = new ArtifactFormats(type => type == BackupType.Full ? new ArtifactFormat(".dump", ArtifactEncoding.None) : null);
        var catalog = new BackupCatalog(Store, "itsm", "itsm", "sqlite", formats, TimeZoneInfo.Utc);
        await PutAsync(Dump, "PGDMP");
        await PutAsync(Dump + ".globals.sql", "CREATE ROLE app");
        await PutAsync($".{Dump}.pending", "");
        await PutAsync($".{Dump}.globals.sql.pending", "");
        var before = await FilesAsync();

        Assert.Empty(await catalog.SweepAsync(FileSystemClock.Now.AddYears(1), Grace, CancellationToken.None));
        await catalog.AbandonAsync(Dump, isWritten: false, CancellationToken.None);

        Assert.Equal(before, await FilesAsync());
        Assert.Empty(await catalog.AllAsync());
        var told = Assert.Single(await catalog.FindOrphansAsync(CancellationToken.None), orphan => orphan.File == Dump);
        Assert.Contains("delete it by hand", told.Reason, StringComparison.Ordinal);

        await Store.DeleteAsync("itsm/" + Dump, Durability.Now, CancellationToken.None); // a person did
        await catalog.SweepAsync(FileSystemClock.Now.AddYears(1), Grace, CancellationToken.None);
        Assert.Empty(await FilesAsync());
    }

    [Fact]
    public async Task Removing_what_somebody_renamed_alone_leaves_nothing_under_its_former_name()
    {
        var backup = await Catalog.AddInPartsAsync();
        var bytes = await Store.ReadAsync("itsm/" + backup.File, CancellationToken.None);
        await Store.PutAsync($"itsm/{backup.File}.bad", replace: true, Durability.Now, (stream, token) => stream.WriteAsync(bytes, token).AsTask(), CancellationToken.None);
        await Store.DeleteAsync("itsm/" + backup.File, Durability.Now, CancellationToken.None);
        var scattered = Assert.Single(await Catalog.AllAsync());
        Assert.Equal((true, backup.Id), (scattered.IsScattered, scattered.Id));

        await Catalog.RemoveAsync(scattered, CancellationToken.None);

        Assert.Empty(await FilesAsync());
    }

    [Fact]
    public async Task What_a_backup_takes_includes_its_further_parts()
    {
        var backup = await Catalog.AddInPartsAsync();
        var listed = Assert.Single(await Catalog.AllAsync());

        Assert.Equal(backup.Manifest.Stored.Length + 300, listed.StoredLength);
        Assert.Equal(listed.StoredLength, backup.Manifest.StoredLength);
        Assert.Equal(listed.StoredLength, listed.LengthToRead);
    }

    private async Task AssertAllOrNothingAsync(Backup older, int expected)
    {
        var listed = await Catalog.AllAsync();
        Assert.Equal(expected, listed.Count);
        Assert.Equal(older.Id, listed[^1].Id);
        Assert.All(listed, backup => Assert.True(backup.Manifest is { IsCommitted: true, Adopted: false } && backup.State != BackupState.Corrupt));

        var now = FileSystemClock.Now;
        Assert.Empty(await Catalog.SweepAsync(now + Grace - TimeSpan.FromMinutes(1), Grace, CancellationToken.None));
        await Catalog.SweepAsync(now + Grace + TimeSpan.FromMinutes(1), Grace, CancellationToken.None);
        Assert.Empty(await Catalog.FindOrphansAsync(CancellationToken.None));
        Assert.Equal(listed.Select(backup => backup.Id), (await Catalog.AllAsync()).Select(backup => backup.Id));
        Assert.All(await FilesAsync(), file => Assert.Contains(listed, backup => file.StartsWith(backup.File, StringComparison.Ordinal)));
    }

    private async Task<IReadOnlyList<string>> FilesAsync() => [.. (await Store.ListAsync("itsm", CancellationToken.None)).Select(file => file.Name).Order(StringComparer.Ordinal)];

    private async Task<string> TextAsync(string file) => System.Text.Encoding.UTF8.GetString(await Store.ReadAsync("itsm/" + file, CancellationToken.None));

    private Task PutAsync(string file, string text) => Store.PutAsync(
        "itsm/" + file, replace: true, Durability.Now, (stream, token) => stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), token).AsTask(), CancellationToken.None);
}

public sealed class CatalogInADirectoryTests : CatalogContract, IDisposable
{
    private readonly TempDirectory temp = new();

    private protected override IBackupStore Store => new LocalDirectoryStore("local", temp.Path);

    public void Dispose() => temp.Dispose();
}

public sealed class CatalogInMemoryTests : CatalogContract
{
    private protected override IBackupStore Store { get; } = new MemoryStore();
}
