using System.IO.Compression;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>A crash at any instant leaves the whole backup, or nothing that counts; what it leaves is found and swept.</summary>
public sealed class CrashOrderTests : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromHours(24);
    private readonly TempDirectory temp = new();

    private LocalDirectoryStore Store => new("local", temp.Path);

    private string Directory => temp.Sub("itsm");

    public void Dispose() => temp.Dispose();

    public static TheoryData<int, string> Steps(int count)
    {
        var rows = new TheoryData<int, string>();
        for (var step = 1; step <= count; step++)
        {
            rows.Add(step, nameof(FaultTime.Before));
            rows.Add(step, nameof(FaultTime.After));
        }

        return rows;
    }

    [Fact]
    public async Task The_manifest_is_the_commit_and_comes_last_but_for_the_mark()
    {
        using var watched = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false);
        await CatalogUse.CatalogOf(watched).AddAsync(Some.Text(1000));
        Assert.Equal(
            [
                "write itsm/.daily_20260214_020000.db.gz.pending",
                "write itsm/daily_20260214_020000.db.gz",
                "write itsm/daily_20260214_020000.db.gz.sha256",
                "write itsm/daily_20260214_020000.db.gz.manifest.json",
                "delete itsm/.daily_20260214_020000.db.gz.pending",
            ],
            watched.Log);
        Assert.Equal(["daily_20260214_020000.db.gz", "daily_20260214_020000.db.gz.manifest.json", "daily_20260214_020000.db.gz.sha256"], TempDirectory.FilesIn(Directory));
    }

    [Fact]
    public async Task Deleting_begins_with_the_manifest()
    {
        var backup = await CatalogUse.CatalogOf(Store).AddAsync(Some.Text(1000));
        using var watched = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false);
        await CatalogUse.CatalogOf(watched).RemoveAsync(backup, CancellationToken.None);

        Assert.Equal("write itsm/.daily_20260214_020000.db.gz.pending", watched.Log[0]);
        Assert.Equal("delete itsm/daily_20260214_020000.db.gz.manifest.json", watched.Log[1]);
        Assert.Equal("delete itsm/.daily_20260214_020000.db.gz.pending", watched.Log[^1]);
        Assert.Empty(TempDirectory.FilesIn(Directory));
    }

    [Theory]
    [MemberData(nameof(Steps), 5)]
    public async Task A_kill_while_writing_leaves_all_or_nothing(int step, string time)
    {
        var older = await AddOlderAsync();
        using (var dying = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).AddAsync(Some.Text(1000)));

        var committed = (step, time) is (4, nameof(FaultTime.After)) or (5, _);
        await AssertAllOrNothingAsync(older, committed ? 2 : 1);
    }

    [Theory]
    [MemberData(nameof(Steps), 6)]
    public async Task A_kill_while_deleting_leaves_all_or_nothing(int step, string time)
    {
        var older = await AddOlderAsync();
        var catalog = CatalogUse.CatalogOf(Store);
        var backup = await catalog.PassAsync(await catalog.AddAsync(Some.Text(1000)));
        using (var dying = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).RemoveAsync(backup, CancellationToken.None));

        await AssertAllOrNothingAsync(older, (step, time) is (1, _) or (2, nameof(FaultTime.Before)) ? 2 : 1);
    }

    /// <summary>A run that is alive cleans up after itself; the fault may pass before it does.</summary>
    [Theory]
    [MemberData(nameof(Steps), 5)]
    public async Task Abandoning_after_a_fault_leaves_nothing_at_all(int step, string time)
    {
        var catalog = CatalogUse.CatalogOf(Store);
        using (var faulty = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: false))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(faulty).AddAsync(Some.Text(1000)));

        await catalog.AbandonAsync("daily_20260214_020000.db.gz", isWritten: step > 2, CancellationToken.None);

        Assert.Empty(TempDirectory.FilesIn(Directory));
        Assert.Empty(await catalog.FindOrphansAsync(CancellationToken.None));
    }

    [Fact]
    public async Task An_unfinished_temporary_file_is_swept_after_grace()
    {
        await File.WriteAllTextAsync(Path.Combine(Directory, ".daily_20260214_020000.db.gz.0123abcd.partial"), "half");
        await AssertSweptOnlyAfterGraceAsync();
    }

    [Fact]
    public async Task What_somebody_made_by_hand_is_never_swept()
    {
        string[] files = ["manual_20260214_020000.db.gz", "manual_20260214_020000.db.gz.sha256", "copy.db", "notes.txt", ".hidden", "x.db.gz.bad", "old.db.gz.manifest.json"];
        foreach (var file in files)
            await File.WriteAllTextAsync(Path.Combine(Directory, file), "x");

        await CatalogUse.CatalogOf(Store).SweepAsync(FileSystemClock.Now.AddYears(10), Grace, CancellationToken.None);

        Assert.Equal(files.Order(StringComparer.Ordinal), TempDirectory.FilesIn(Directory));
    }

    [Fact]
    public async Task Other_programs_hidden_files_are_none_of_its_business()
    {
        string[] files = [".customers.db.pending", "customers.db", ".upload.partial", ".x.0123abcd.partial"];
        foreach (var file in files)
            await File.WriteAllTextAsync(Path.Combine(Directory, file), "x");

        await CatalogUse.CatalogOf(Store).SweepAsync(FileSystemClock.Now.AddYears(10), Grace, CancellationToken.None);

        Assert.Equal(files.Order(StringComparer.Ordinal), TempDirectory.FilesIn(Directory));
    }

    /// <summary>While both this agent and the scheduler that it replaces are at work, both name their file by the same second.</summary>
    [Fact]
    public async Task A_file_that_another_program_made_of_the_marked_name_is_neither_abandoned_nor_swept_away()
    {
        var catalog = CatalogUse.CatalogOf(Store);
        var artifact = await catalog.BeginAsync("daily", BackupType.Full, Some.Instant, CancellationToken.None);
        await using (var theirs = new GZipStream(File.Create(Path.Combine(Directory, artifact)), CompressionLevel.Optimal))
            await theirs.WriteAsync(Some.Text(1000));
        await Assert.ThrowsAsync<BackupException>(() => catalog.WriteArtifactAsync(artifact, (stream, token) => stream.WriteAsync(new byte[10], token).AsTask(), CancellationToken.None));

        await catalog.SweepAsync(FileSystemClock.Now.AddDays(2), Grace, CancellationToken.None);
        Assert.Equal([artifact], TempDirectory.FilesIn(Directory));

        await File.WriteAllTextAsync(Path.Combine(Directory, BackupFiles.Pending(artifact)), "");
        await catalog.AbandonAsync(artifact, isWritten: false, CancellationToken.None);
        Assert.Equal([artifact], TempDirectory.FilesIn(Directory));
        Assert.True(Assert.Single(await catalog.AllAsync()).Manifest.Adopted);
    }

    /// <summary>A leftover on a bad sector, or of another user: it stays an orphan, and no backup fails for it.</summary>
    [SkippableFact]
    public async Task A_leftover_that_cannot_be_read_is_left_and_stops_nothing()
    {
        Skip.IfNot(File.Exists("/proc/self/mem"), "there is no /proc");
        const string Artifact = "daily_20260214_020000.db.gz";
        File.CreateSymbolicLink(Path.Combine(Directory, Artifact), "/proc/self/mem"); // opens, and every read fails
        await File.WriteAllTextAsync(Path.Combine(Directory, BackupFiles.Pending(Artifact)), "");
        var catalog = CatalogUse.CatalogOf(Store);

        Assert.Empty(await catalog.SweepAsync(FileSystemClock.Now.AddDays(2), Grace, CancellationToken.None));
        await catalog.AbandonAsync(Artifact, isWritten: false, CancellationToken.None);

        Assert.Equal(Artifact, Assert.Single(await catalog.FindOrphansAsync(CancellationToken.None)).File);
    }

    [SkippableFact]
    public async Task A_manifest_that_cannot_be_read_hides_no_other_backup()
    {
        Skip.IfNot(File.Exists("/proc/self/mem"), "there is no /proc");
        var older = await AddOlderAsync();
        var backup = await CatalogUse.CatalogOf(Store).AddAsync(Some.Text(1000));
        var manifest = Path.Combine(Directory, BackupFiles.Manifest(backup.File));
        File.Delete(manifest);
        File.CreateSymbolicLink(manifest, "/proc/self/mem");

        var listed = await CatalogUse.CatalogOf(Store).AllAsync();

        Assert.Equal([BackupState.Unverified, BackupState.Unverified], listed.Select(each => each.State));
        Assert.Equal(older.Id, listed[1].Id);
    }

    [SkippableFact]
    public async Task A_full_store_can_be_pruned()
    {
        await using var small = await SmallFileSystem.MountAsync("size=1m");
        var catalog = CatalogUse.CatalogOf(new LocalDirectoryStore("local", small.Path), directory: "");
        var backup = await catalog.AddAsync(Some.Noise(100_000));
        await using (var rest = File.Create(Path.Combine(small.Path, "rest")))
            await Assert.ThrowsAsync<IOException>(() => rest.WriteAsync(Some.Noise(2_000_000)).AsTask());
        Assert.Equal(0, (await catalog.Store.GetHealthAsync(CancellationToken.None)).Space!.Value.Available);

        await catalog.RemoveAsync(backup, CancellationToken.None);

        Assert.Equal(["rest"], TempDirectory.FilesIn(small.Path));
    }

    [Fact]
    public async Task Backups_of_another_source_in_the_same_directory_neither_count_nor_are_pruned_and_are_told()
    {
        var backup = await AddOlderAsync();
        var other = new BackupCatalog(Store, "itsm", "crm", "sqlite", CatalogUse.Formats, TimeZoneInfo.Utc);

        Assert.Empty(await other.AllAsync());
        var told = Assert.Single(await other.FindOrphansAsync(CancellationToken.None));
        Assert.Equal((backup.File, 0), (told.File, told.Sweepable.Count));
        Assert.Contains("source itsm", told.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_manifest_whose_artifact_is_gone_is_reported_and_left_for_a_person()
    {
        var backup = await AddOlderAsync();
        File.Delete(Path.Combine(Directory, backup.File));
        var catalog = CatalogUse.CatalogOf(Store);

        Assert.Empty(await catalog.AllAsync());
        var orphan = Assert.Single(await catalog.FindOrphansAsync(CancellationToken.None));
        Assert.Empty(orphan.Sweepable);
        Assert.Contains("gone", orphan.Reason, StringComparison.Ordinal);
    }

    private async Task<Backup> AddOlderAsync() => await CatalogUse.CatalogOf(Store).AddAsync(Some.Noise(500), Some.Instant.AddDays(-1));

    private async Task AssertAllOrNothingAsync(Backup older, int expected)
    {
        var listed = await CatalogUse.CatalogOf(Store).AllAsync();
        Assert.Equal(expected, listed.Count);
        Assert.Equal(older.Id, listed[^1].Id);
        foreach (var backup in listed)
        {
            await Shell.BashAsync($"cd '{Directory}'; sha256sum -c --quiet '{backup.File}.sha256'; gunzip -t '{backup.File}'");
            Assert.True(backup.Manifest.IsCommitted);
            Assert.False(backup.Manifest.Adopted);
        }

        await AssertSweptOnlyAfterGraceAsync();
        Assert.Equal(listed.Select(backup => backup.Id), (await CatalogUse.CatalogOf(Store).AllAsync()).Select(backup => backup.Id));
        Assert.All(TempDirectory.FilesIn(Directory), file => Assert.Contains(listed, backup => file.StartsWith(backup.File, StringComparison.Ordinal)));
    }

    private async Task AssertSweptOnlyAfterGraceAsync()
    {
        var catalog = CatalogUse.CatalogOf(Store);
        var now = FileSystemClock.Now;
        var found = await catalog.FindOrphansAsync(CancellationToken.None);
        var before = TempDirectory.FilesIn(Directory);

        Assert.Empty(await catalog.SweepAsync(now + Grace - TimeSpan.FromMinutes(1), Grace, CancellationToken.None));
        Assert.Equal(before, TempDirectory.FilesIn(Directory));
        Assert.Equal(found.Count, (await catalog.SweepAsync(now + Grace + TimeSpan.FromMinutes(1), Grace, CancellationToken.None)).Count);
        Assert.Empty(await catalog.FindOrphansAsync(CancellationToken.None));
    }
}
