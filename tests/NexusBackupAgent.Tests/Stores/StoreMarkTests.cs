using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores;

/// <summary>A store is known again by its mark: what lies at its place without that is not written to.</summary>
public sealed class StoreMarkTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    private string Mark => Path.Combine(place.Store, StoreMarks.FileName);

    private string Aside => place.In("the disk");

    public void Dispose() => place.Dispose();

    /// <summary>With a real disk: what a run wrote below its mount point would hide that the disk is gone.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)] // the mount point is not bare
    public async Task A_disk_that_is_unmounted_is_an_emergency_and_nothing_is_written_below_its_mount_point(bool holdsSomething)
    {
        if (holdsSomething)
            await File.WriteAllTextAsync(Path.Combine(place.Store, "README"), "the disk goes here");
        await using (var disk = await SmallFileSystem.MountAsync("size=8m"))
        {
            await Shell.RunAsync("mount", "--bind", disk.Path, place.Store);
            try
            {
                Assert.Equal(0, (await place.RunAsync("backup")).Code);
            }
            finally
            {
                await Shell.RunAsync("umount", "-l", place.Store);
            }

            await AssertRefusedAsync();
            Assert.Equal(holdsSomething ? 1 : 0, Directory.GetFileSystemEntries(place.Store).Length);

            await Shell.RunAsync("mount", "--bind", disk.Path, place.Store);
            try
            {
                Assert.Equal(0, (await place.RunAsync("backup")).Code);
                Assert.DoesNotContain("is not the one", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
            }
            finally
            {
                await Shell.RunAsync("umount", "-l", place.Store);
            }
        }
    }

    [Fact]
    public async Task A_store_that_was_emptied_is_an_emergency_and_no_new_store()
    {
        await place.RunAsync("backup");
        Directory.Delete(place.Store, recursive: true);
        Directory.CreateDirectory(place.Store);

        await AssertRefusedAsync();
        Assert.Empty(Directory.GetFileSystemEntries(place.Store));
    }

    [Fact]
    public async Task Another_stores_disk_at_its_place_is_not_written_to()
    {
        await place.RunAsync("backup");
        Directory.Delete(place.Store, recursive: true);
        Directory.CreateDirectory(place.Store);
        await File.WriteAllTextAsync(Mark, "0123\n");

        var said = await place.RunAsync("backup");

        Assert.Equal(3, said.Code);
        Assert.Contains("it bears another store's mark; nothing is written there", said.Error, StringComparison.Ordinal);
    }

    /// <summary>By the step that the message names, as it stands there.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)] // backed up by an earlier version: no store is remembered yet
    public async Task Who_means_it_accepts_another_store_by_the_step_that_the_message_names(bool holdsSomething, bool isUpgrade)
    {
        await place.RunAsync("backup");
        if (isUpgrade)
            Directory.Delete(place.In("state/store-marks"), recursive: true);
        Directory.Move(place.Store, Aside);
        Directory.CreateDirectory(place.Store);
        if (holdsSomething)
            await File.WriteAllTextAsync(Path.Combine(place.Store, "notes"), "a new disk");
        var refused = await place.RunAsync("backup");
        Assert.Equal(3, refused.Code);
        var error = refused.Error.TrimEnd();

        await Shell.BashAsync(error[error.LastIndexOf("install ", StringComparison.Ordinal)..]);

        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        Assert.True(File.Exists(Mark));
        Assert.DoesNotContain("is not the one", (await place.RunAsync("status")).Output, StringComparison.Ordinal);

        Directory.Delete(place.Store, recursive: true); // accepted once, and not whatever comes
        Directory.CreateDirectory(place.Store);
        Assert.Equal(3, (await place.RunAsync("backup")).Code);
    }

    [Fact]
    public async Task Sources_that_meet_a_new_store_at_once_agree_on_one_mark()
    {
        for (var round = 0; round < 50; round++)
        {
            var store = new LocalDirectoryStore("local", Directory.CreateDirectory(place.In($"new/{round}")).FullName);
            var marks = new StoreMarks(place.In($"memory/{round}"), place.Clock);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => marks.RequireAsync(store, () => false, CancellationToken.None))));

            await marks.RequireAsync(store, () => true, CancellationToken.None);
            Assert.Null(await marks.WhyNotAsync(store, CancellationToken.None));
        }
    }

    [Fact]
    public async Task A_store_whose_place_is_changed_in_the_configuration_is_known_at_once()
    {
        await place.RunAsync("backup");
        Directory.CreateDirectory(place.In("elsewhere"));
        place.Configure("itsm", "itsm.db", store: "elsewhere");

        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        Assert.NotEqual(await File.ReadAllTextAsync(Mark), await File.ReadAllTextAsync(Path.Combine(place.In("elsewhere"), StoreMarks.FileName)));
    }

    /// <summary>Before this version nothing was marked: an empty directory where backups were is not believed to be the store.</summary>
    [Fact]
    public async Task A_store_of_an_earlier_version_is_marked_unless_nothing_lies_in_it()
    {
        await place.RunAsync("backup");
        File.Delete(Mark);
        Directory.Delete(place.In("state/store-marks"), recursive: true);
        Directory.Move(place.Store, Aside);
        Directory.CreateDirectory(place.Store);

        Assert.Contains("is not the one that its backups were kept in", (await place.RunAsync("backup")).Error, StringComparison.Ordinal);
        Directory.Delete(place.Store);
        Directory.Move(Aside, place.Store);

        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        Assert.True(File.Exists(Mark));
    }

    /// <summary>Where no mark is remembered yet, the history of any source tells that the store is no new one.</summary>
    [Fact]
    public async Task A_new_source_s_first_run_marks_no_bare_mount_point_on_which_others_have_a_history()
    {
        await place.RunAsync("backup");
        Directory.Delete(place.In("state/store-marks"), recursive: true);
        Directory.Move(place.Store, Aside);
        Directory.CreateDirectory(place.Store);
        place.MakeDatabase("new.db");
        await File.AppendAllTextAsync(place.Configuration, "  new: {sqlite: new.db, retry: {attempts: 1}, schedules: {daily: {cron: \"0 2 * * *\", retention: 7d}}}\n");

        Assert.Contains("is not the one that its backups were kept in", (await place.RunAsync("backup", "new")).Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(place.Store));
    }

    [Fact]
    public async Task Without_any_state_the_store_is_read_and_written_as_on_another_machine()
    {
        await place.RunAsync("backup");
        var mark = await File.ReadAllTextAsync(Mark);
        Directory.Delete(place.In("state"), recursive: true);

        foreach (var words in (string[][])[["list"], ["verify"], ["restore", "itsm", "--to", place.In("copy.db")], ["backup"]])
            Assert.Equal(0, (await place.RunAsync(words)).Code);
        Assert.Equal(mark, await File.ReadAllTextAsync(Mark));
    }

    [Fact]
    public async Task No_command_of_the_runbook_meets_the_mark()
    {
        await place.RunAsync("backup");

        Assert.DoesNotContain("store", await Shell.BashAsync($"cd '{place.Store}'; ls; find . -name '*_*'; sha256sum -c *.sha256"), StringComparison.Ordinal);
        Assert.Single((await place.RunAsync("list", "--json")).Json.EnumerateArray());
        Assert.DoesNotContain("is no backup", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
    }

    private async Task AssertRefusedAsync()
    {
        var said = await place.RunAsync("backup");
        Assert.Equal(3, said.Code);
        Assert.Matches("^error: backup of 'itsm' failed: store 'local' at '[^']+' is not the one that its backups were kept in: its mark .nexus-backup-store is missing, as on a mount point without its disk; nothing is written there — next: mount its disk \\(findmnt -T [^)]+\\); if this is meant to be the store from now on, accept it: install -m 644 /dev/null '[^']+'\n$", said.Error);

        var status = (await place.RunAsync("status", "--json")).Json;
        Assert.Equal("L3", status.GetProperty("level").GetString());
        Assert.Contains("is not the one that its backups were kept in", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
        foreach (var command in (string[])["list", "verify", "prune --dry-run", "drill", "restore itsm --dry-run", "check-config"])
        {
            var told = await place.RunAsync(command.Split(' '));
            Assert.Contains("is not the one that its backups were kept in", told.Error + told.Output, StringComparison.Ordinal);
        }

        Assert.Equal((3, 2), ((await place.RunAsync("list")).Code, (await place.RunAsync("check-config")).Code));
    }
}
