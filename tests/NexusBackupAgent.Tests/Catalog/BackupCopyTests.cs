using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>A copy is the same files under the same names, was read back where it lies before it counts, and is whole or nothing.</summary>
public sealed class BackupCopyTests : IDisposable
{
    /// <summary>Marks, part and artifact, the kind's own file, <c>.sha256</c>, result, manifest, marks away.</summary>
    private const int Changes = 10;

    private readonly TempDirectory temp = new();
    private readonly BackupCatalog first;

    public BackupCopyTests() => first = CatalogUse.CatalogOf(new LocalDirectoryStore("local", temp.Sub("local")));

    private LocalDirectoryStore Offsite => new("offsite", temp.Sub("offsite"));

    public static TheoryData<int, string> Steps => CrashOrderTests.Steps(Changes);

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task It_is_the_same_files_and_the_manifest_commits_it()
    {
        var backup = await MakeAsync();
        using var watched = new FaultyStore(Offsite, failing: 0, FaultTime.Before, staysDead: false);

        var copy = await CopyAsync(backup, watched);

        Assert.Equal((BackupState.Good, backup.Id), (copy.State, copy.Id));
        Assert.Equal(Changes, watched.Log.Count);
        Assert.Equal(
            [".daily_20260214_020000.db.gz.log.db.gz.pending", "daily_20260214_020000.db.gz.log.db.gz", ".daily_20260214_020000.db.gz.pending", "daily_20260214_020000.db.gz", "daily_20260214_020000.db.gz.pages", "daily_20260214_020000.db.gz.sha256", "daily_20260214_020000.db.gz.verification.json", "daily_20260214_020000.db.gz.manifest.json"],
            watched.Log.Take(8).Select(change => change["write itsm/".Length..]));
        foreach (var file in (string[])["", ".log.db.gz", ".pages", ".sha256", ".manifest.json"])
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(temp["local"], "itsm", backup.File + file)), await File.ReadAllBytesAsync(Path.Combine(temp["offsite"], "itsm", backup.File + file)));
        Assert.Equal(BackupState.Good, Assert.Single(await CatalogUse.CatalogOf(Offsite).AllAsync()).State);
        Assert.Empty(await CatalogUse.CatalogOf(Offsite).FindOrphansAsync(CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task A_kill_at_any_step_leaves_it_whole_or_nothing_and_the_next_try_ends_it(int step, string time)
    {
        var backup = await MakeAsync();
        using (var dying = new FaultyStore(Offsite, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CopyAsync(backup, dying));

        var left = await CatalogUse.CatalogOf(Offsite).AllAsync();
        Assert.Equal((step, time) is (8, nameof(FaultTime.After)) or ( > 8, _) ? [BackupState.Good] : [], left.Select(one => one.State));
        if (left.Count == 0)
            await CopyAsync(backup, Offsite);
        else
            await CatalogUse.CatalogOf(Offsite).SweepAsync(FileSystemClock.Now + TimeSpan.FromDays(2), TimeSpan.FromHours(24), CancellationToken.None);
        Assert.Equal(BackupState.Good, Assert.Single(await CatalogUse.CatalogOf(Offsite).AllAsync()).State);
        Assert.Empty(await CatalogUse.CatalogOf(Offsite).FindOrphansAsync(CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task A_fault_at_any_step_leaves_nothing_that_is_taken_for_a_backup(int step, string time)
    {
        var backup = await MakeAsync();
        using (var faulty = new FaultyStore(Offsite, step, Enum.Parse<FaultTime>(time), staysDead: false))
            await Assert.ThrowsAsync<BackupException>(() => CopyAsync(backup, faulty));

        Assert.All(await CatalogUse.CatalogOf(Offsite).AllAsync(), left => Assert.Equal((BackupState.Good, true), (left.State, step >= 9)));
    }

    [Fact]
    public async Task What_reads_otherwise_than_it_was_written_does_not_count()
    {
        var backup = await MakeAsync();
        using var rotten = new FaultyStore(Offsite, failing: 0, FaultTime.Before, staysDead: false) { Rotten = path => path.EndsWith("020000.db.gz", StringComparison.Ordinal) };

        var failure = await Assert.ThrowsAsync<BackupException>(() => CopyAsync(backup, rotten));

        Assert.Equal(FailureKind.Verification, failure.Kind);
        Assert.Contains("reads otherwise than it was written", failure.Message, StringComparison.Ordinal);
        Assert.Empty(TempDirectory.FilesIn(Path.Combine(temp["offsite"], "itsm")));
    }

    [Fact]
    public async Task What_is_damaged_since_it_was_verified_is_copied_nowhere()
    {
        var backup = await MakeAsync();
        Damage.FlipBit(Path.Combine(temp["local"], "itsm", backup.File));

        var failure = await Assert.ThrowsAsync<BackupException>(() => CopyAsync(backup, Offsite));

        Assert.Equal(FailureKind.Verification, failure.Kind);
        Assert.Contains("is not what was stored there any more", failure.Message, StringComparison.Ordinal);
        Assert.Empty(TempDirectory.FilesIn(Path.Combine(temp["offsite"], "itsm")));
    }

    [Fact]
    public async Task Somebody_elses_file_of_that_name_stays_and_the_same_file_is_taken_up()
    {
        var backup = await MakeAsync();
        var taken = Path.Combine(temp.Sub("offsite/itsm"), backup.File);
        await File.WriteAllTextAsync(taken, "another file");

        var failure = await Assert.ThrowsAsync<BackupException>(() => CopyAsync(backup, Offsite));

        Assert.Contains("exists already and is another file", failure.Message, StringComparison.Ordinal);
        Assert.Equal("another file", await File.ReadAllTextAsync(taken));
        Assert.Equal([backup.File], TempDirectory.FilesIn(Path.Combine(temp["offsite"], "itsm")));

        File.Copy(Path.Combine(temp["local"], "itsm", backup.File), taken, overwrite: true);
        using var watched = new FaultyStore(Offsite, failing: 0, FaultTime.Before, staysDead: false);
        Assert.Equal(BackupState.Good, (await CatalogUse.CatalogOf(watched).CopyHereAsync(first, backup, Some.Clock, progress: null, CancellationToken.None, Some.Instant.AddDays(1))).State);
        Assert.Equal(["itsm/" + backup.File], watched.Locked); // whoever wrote it may have ended before it was locked
    }

    /// <summary>A good backup in two parts, with a file of the kind's own beside it.</summary>
    private async Task<Backup> MakeAsync()
    {
        var backup = await first.PassAsync(await first.AddInPartsAsync());
        await first.WriteSidecarAsync(backup.File, ".pages", (file, token) => file.WriteAsync(Some.Noise(50), token).AsTask(), CancellationToken.None);
        return backup;
    }

    private Task<Backup> CopyAsync(Backup backup, IBackupStore to) => CatalogUse.CatalogOf(to).CopyHereAsync(first, backup, Some.Clock, progress: null, CancellationToken.None);
}
