using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Catalog;

/// <summary>A crash between the renames, or an operator's own, parts an artifact from its companions; nothing is lost by that.</summary>
public sealed class SetAsideTests : IDisposable
{
    private const string Name = "daily_20260214_020000.db.gz";
    private readonly TempDirectory temp = new();

    private LocalDirectoryStore Store => new("local", temp.Path);

    private BackupCatalog Catalog => CatalogUse.CatalogOf(Store);

    private string Directory => temp.Sub("itsm");

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task The_artifact_goes_first()
    {
        var backup = await BackupAsync();
        using var watched = new FaultyStore(Store, failing: 0, FaultTime.Before, staysDead: false);
        await CatalogUse.CatalogOf(watched).SetAsideAsync(backup, CancellationToken.None);
        Assert.Equal(
            [
                $"move itsm/{Name} itsm/{Name}.bad",
                $"move itsm/{Name}.manifest.json itsm/{Name}.bad.manifest.json",
                $"move itsm/{Name}.verification.json itsm/{Name}.bad.verification.json",
                $"move itsm/{Name}.sha256 itsm/{Name}.bad.sha256",
            ],
            watched.Log);
    }

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 4, MemberType = typeof(CrashOrderTests))]
    public async Task A_kill_between_the_renames_loses_nothing_and_the_rest_follows(int step, string time)
    {
        var backup = await BackupAsync();
        using (var dying = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).SetAsideAsync(backup, CancellationToken.None));

        var listed = Assert.Single(await Catalog.AllAsync());
        var isMoved = (step, time) is not (1, nameof(FaultTime.Before));
        Assert.Equal((backup.Id, isMoved ? BackupState.Quarantined : BackupState.Good), (listed.Id, listed.State));
        Assert.NotNull(listed.Verification);
        Assert.Equal(isMoved && (step, time) is not (4, nameof(FaultTime.After)), listed.IsScattered);
        await AssertNothingIsSweptAsync();

        await Catalog.SetAsideAsync(listed, CancellationToken.None);

        AssertSetAside();
        Assert.Equal((backup.Id, false), (Assert.Single(await Catalog.AllAsync()).Id, Assert.Single(await Catalog.AllAsync()).IsScattered));
        Assert.Empty(await Catalog.FindOrphansAsync(CancellationToken.None));
    }

    [Fact]
    public async Task What_an_operator_renamed_as_the_runbook_says_is_understood()
    {
        var backup = await BackupAsync();
        await Shell.BashAsync($"cd '{Directory}'; mv {Name} {Name}.bad");

        var listed = Assert.Single(await Catalog.AllAsync());
        Assert.Equal((backup.Id, BackupState.Quarantined, true), (listed.Id, listed.State, listed.IsScattered));
        await AssertNothingIsSweptAsync();

        await Catalog.GatherAsync(listed, CancellationToken.None);
        AssertSetAside();
    }

    [Fact]
    public async Task What_an_operator_takes_back_is_the_backup_that_it_was()
    {
        var backup = await BackupAsync();
        await Catalog.SetAsideAsync(backup, CancellationToken.None);
        await Shell.BashAsync($"cd '{Directory}'; mv {Name}.bad {Name}");

        var listed = Assert.Single(await Catalog.AllAsync());
        Assert.Equal((backup.Id, "daily", BackupState.Good), (listed.Id, listed.Schedule, listed.State));
        await Catalog.GatherAsync(listed, CancellationToken.None);

        Assert.Equal([Name, Name + ".manifest.json", Name + ".sha256", Name + ".verification.json"], TempDirectory.FilesIn(Directory));
        await Shell.BashAsync($"cd '{Directory}'; sha256sum -c --quiet {Name}.sha256");
    }

    [Fact]
    public async Task A_copy_that_an_operator_keeps_does_not_take_the_companions()
    {
        var backup = await BackupAsync();
        await Shell.BashAsync($"cd '{Directory}'; cp {Name} {Name}.bad");

        var listed = await Catalog.AllAsync();

        Assert.Equal([BackupState.Good, BackupState.Quarantined], listed.Select(each => each.State).Order());
        Assert.Equal(backup.Id, listed.Single(each => each.State == BackupState.Good).Id);
        Assert.NotEqual(backup.Id, listed.Single(each => each.State == BackupState.Quarantined).Id);
        Assert.All(listed, each => Assert.False(each.IsScattered));
    }

    [Fact]
    public async Task The_mark_of_an_interrupted_commit_does_not_take_what_was_set_aside_with_it()
    {
        var backup = await BackupAsync();
        await File.WriteAllTextAsync(Path.Combine(Directory, BackupFiles.Pending(Name)), "");
        await Shell.BashAsync($"cd '{Directory}'; mv {Name} {Name}.bad");

        await Catalog.SweepAsync(FileSystemClock.Now.AddDays(2), TimeSpan.FromHours(24), CancellationToken.None);

        Assert.Equal(backup.Id, Assert.Single(await Catalog.AllAsync()).Id);
        Assert.False(File.Exists(Path.Combine(Directory, BackupFiles.Pending(Name))));
    }

    [Theory]
    [MemberData(nameof(CrashOrderTests.Steps), 6, MemberType = typeof(CrashOrderTests))]
    public async Task A_kill_while_deleting_one_leaves_it_or_something_that_is_swept(int step, string time)
    {
        var backup = await Catalog.SetAsideAsync(await BackupAsync(), CancellationToken.None);
        using (var dying = new FaultyStore(Store, step, Enum.Parse<FaultTime>(time), staysDead: true))
            await Assert.ThrowsAsync<BackupException>(() => CatalogUse.CatalogOf(dying).RemoveAsync(backup, CancellationToken.None));

        var isThere = (step, time) is (1, _) or (2, nameof(FaultTime.Before));
        Assert.Equal(isThere ? 1 : 0, (await Catalog.AllAsync()).Count);
        await Catalog.SweepAsync(FileSystemClock.Now.AddDays(2), TimeSpan.FromHours(24), CancellationToken.None);
        Assert.Equal(isThere ? 4 : 0, TempDirectory.FilesIn(Directory).Count);
    }

    private async Task<Backup> BackupAsync() => await Catalog.PassAsync(await Catalog.AddAsync(Some.Text(1000)));

    private async Task AssertNothingIsSweptAsync()
    {
        var before = TempDirectory.FilesIn(Directory);
        Assert.Empty(await Catalog.SweepAsync(FileSystemClock.Now.AddYears(1), TimeSpan.FromHours(24), CancellationToken.None));
        Assert.Empty(await Catalog.FindOrphansAsync(CancellationToken.None));
        Assert.Equal(before, TempDirectory.FilesIn(Directory));
    }

    private void AssertSetAside() => Assert.Equal(
        [Name + ".bad", Name + ".bad.manifest.json", Name + ".bad.sha256", Name + ".bad.verification.json"], TempDirectory.FilesIn(Directory));
}
