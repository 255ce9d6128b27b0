using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Sources.Directories;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Directories;

/// <summary>One file, a pattern or all; what is there and was not backed up stays, unless it is to go; nothing is lost.</summary>
public sealed class DirectoryRestoreTests : IDisposable
{
    private readonly DirectoryBench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task A_restore_leaves_what_was_not_backed_up_and_delete_takes_it_away_but_never_what_is_excluded()
    {
        bench.Options = new TreeOptions([], ["*.tmp"], SkipsUnreadable: false);
        bench.Write("a", "old");
        bench.Write("sub/b", "b");
        await bench.BackUpAsync();
        bench.Write("a", "newer");
        bench.Write("sub/extra", "extra");
        bench.Write("later/excluded.tmp", "kept");
        bench.Write("later/extra", "extra");
        var now = Listing.Of(bench.Live);

        Assert.Equal(["change a (content)"], Without(await bench.ChangesAsync(), "time"));
        Assert.Equal(["change a (content)", "delete later", "delete later/extra", "delete sub/extra"], Without(await bench.ChangesAsync(choices: new() { Deletes = true }), "time"));
        var outcome = await bench.RestoreAsync();
        Assert.Equal("old", await File.ReadAllTextAsync(bench["a"]));
        Assert.Equal("extra", await File.ReadAllTextAsync(bench["sub/extra"]));
        Assert.Equal("kept", await File.ReadAllTextAsync(bench["later/excluded.tmp"]));
        Assert.Equal(Contents(now), Contents(Listing.Of(outcome.Place.SafetyCopy!)));

        await bench.RestoreAsync(choices: new() { Deletes = true });
        Assert.False(File.Exists(bench["sub/extra"]));
        Assert.False(File.Exists(bench["later/extra"]));
        Assert.Equal("kept", await File.ReadAllTextAsync(bench["later/excluded.tmp"]));

        await Shell.BashAsync(outcome.Place.WayBack); // the command that is told
        Assert.Equal(Contents(now), Contents(Listing.Of(bench.Live)));
    }

    [Fact]
    public async Task One_file_or_a_pattern_of_them_is_taken_out_and_everything_else_stays_as_it_is_now()
    {
        bench.Write("conf.d/one.conf", "one");
        bench.Write("conf.d/two.conf", "two");
        bench.Write("first", "shared");
        FileMetadata.Link(bench["first"], bench["second"]);
        var backup = await bench.BackUpAsync();
        foreach (var name in (string[])["conf.d/one.conf", "conf.d/two.conf"])
            bench.Write(name, "broken");
        File.Delete(bench["first"]);
        File.Delete(bench["second"]);

        await bench.RestoreAsync(choices: new() { Paths = [bench["conf.d/one.conf"]] });
        Assert.Equal(("one", "broken"), (await File.ReadAllTextAsync(bench["conf.d/one.conf"]), await File.ReadAllTextAsync(bench["conf.d/two.conf"])));
        Assert.False(File.Exists(bench["first"]));

        var elsewhere = bench.Beside("elsewhere");
        await bench.RestoreAsync(elsewhere, new() { Paths = ["*.conf", bench["second"]] });
        Assert.Equal(
            ["conf.d/one.conf", "conf.d/two.conf", "second"],
            Directory.EnumerateFiles(elsewhere, "*", SearchOption.AllDirectories).Select(path => path[(elsewhere.Length + bench.Live.Length + 1)..]).Order(StringComparer.Ordinal));
        Assert.Equal("shared", await File.ReadAllTextAsync(elsewhere + bench["second"])); // though the archive has it as a further name of what was not chosen
        Assert.Equal(["conf.d/one.conf"], await bench.FilesAsync(backup, "one.*"));
        Assert.Equal(["conf.d", "conf.d/one.conf", "conf.d/two.conf"], await bench.FilesAsync(backup, bench["conf.d"]));

        var none = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(elsewhere, new() { Paths = ["*.nothing"] }));
        Assert.Equal(FailureKind.Restore, none.Kind);
        Assert.Contains("--contents", none.Hint, StringComparison.Ordinal);
        var outside = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(choices: new() { Paths = ["/somewhere/else"] }));
        Assert.Equal(FailureKind.Configuration, outside.Kind);
        Assert.Equal(FailureKind.Configuration, (await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(choices: new() { Paths = ["../up"] }))).Kind);
    }

    [SkippableFact]
    public async Task What_is_restored_is_given_to_whom_the_operator_names()
    {
        Need.Root();
        bench.Write("sub/a", "a");
        await bench.BackUpAsync();
        await bench.RestoreAsync(choices: new() { Owner = "nobody:12345" });
        Assert.All((string[])["", "sub", "sub/a"], name => Assert.Equal((65534u, 12345u), (FileStatus.OfNoLink(bench[name])!.Value.User, FileStatus.OfNoLink(bench[name])!.Value.Group)));

        foreach (var wrong in (string[])["no such user", "a:b:c", ":"])
            Assert.Equal(FailureKind.Configuration, (await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(choices: new() { Owner = wrong }))).Kind);
    }

    [Fact]
    public async Task What_the_configuration_no_longer_names_is_refused_in_place_and_comes_back_elsewhere()
    {
        bench.Write("a/one", "1");
        bench.Write("b/two", "2");
        bench.Roots = [bench["a"], bench["b"]];
        await bench.BackUpAsync();
        bench.Roots = [bench["a"]];

        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync());
        Assert.Equal(FailureKind.Restore, refused.Kind);
        Assert.Contains(bench["b"], refused.Message, StringComparison.Ordinal);
        Assert.Contains("--to", refused.Hint, StringComparison.Ordinal);
        await bench.RestoreAsync(bench.Beside("elsewhere"));
        Assert.Equal("2", await File.ReadAllTextAsync(bench.Beside("elsewhere") + bench["b/two"]));
    }

    [SkippableFact]
    public async Task An_archive_that_somebody_made_by_hand_is_read_and_restored_by_hand()
    {
        Need.Tool("tar");
        bench.Write("a", "a");
        await Shell.BashAsync($"cd '{bench.Store}' && tar -czf manual_20260213_120000.tar.gz -C / '{bench.Live[1..]}' && sha256sum manual_20260213_120000.tar.gz > manual_20260213_120000.tar.gz.sha256");
        for (var reading = 0; reading < 2; reading++) // found, and taken over
        {
            var verified = await bench.VerifyAsync(Assert.Single(await bench.Catalog.ListAsync(CancellationToken.None)));
            Assert.True(verified.Verification!.Passed, verified.Verification.FirstFailure);
            Assert.Contains("made by hand", verified.Verification.Note, StringComparison.Ordinal);
        }

        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.RestoreAsync(bench.Beside("elsewhere")));
        Assert.Contains("tar -xzpf ", refused.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_of_several_directories_that_is_taken_back_after_the_switch_leaves_the_old_ones_as_they_were()
    {
        bench.Write("a/one", "old");
        bench.Write("b/two", "old");
        bench.Roots = [bench["a"], bench["b"]];
        var backup = await bench.BackUpAsync();
        bench.Write("a/one", "newer");
        Directory.Delete(bench["b"], recursive: true);
        var now = Listing.Of(bench["a"]);
        var target = bench.Source.Target(to: null);
        using (target.Lock())
        {
            await using var prepared = await target.PrepareAsync(bench.ChainOf(backup), at: null, CancellationToken.None);
            var context = new RestoreContext(Some.Instant, TimeZoneInfo.Utc, _ => { });
            await prepared.SaveAsync(context, CancellationToken.None);
            prepared.Switch(context);
            Assert.Equal(("old", "old"), (await File.ReadAllTextAsync(bench["a/one"]), await File.ReadAllTextAsync(bench["b/two"])));
            Assert.Null(prepared.RollBack());
        }

        Assert.Equal(now, Listing.Of(bench["a"]));
        Assert.Equal(["a"], Directory.EnumerateFileSystemEntries(bench.Live).Select(Path.GetFileName));
    }

    [SkippableFact]
    public async Task A_full_disk_in_the_middle_of_a_restore_leaves_the_old_files_and_nothing_beside_them()
    {
        await using var small = await SmallFileSystem.MountAsync("size=4m");
        var live = Path.Combine(small.Path, "app");
        Directory.CreateDirectory(live);
        bench.Roots = [live];
        await File.WriteAllBytesAsync(Path.Combine(live, "big"), new byte[2 << 20]);
        await File.WriteAllTextAsync(Path.Combine(live, "small"), "old");
        await bench.BackUpAsync();
        await File.WriteAllTextAsync(Path.Combine(live, "small"), "newer");
        await File.WriteAllBytesAsync(Path.Combine(small.Path, "filler"), new byte[(int)new DriveInfo(small.Path).AvailableFreeSpace - (1 << 20)]);
        var now = Listing.Of(live);
        var target = bench.Source.Target(to: null);
        using (target.Lock())
        {
            var full = await Assert.ThrowsAsync<BackupException>(async () => await target.PrepareAsync(bench.ChainOf((await bench.Catalog.ListAsync(CancellationToken.None))[0]), at: null, CancellationToken.None));
            Assert.Equal(FailureKind.StoreFull, full.Kind);
        }

        Assert.Equal(now, Listing.Of(live));
        Assert.Equal(["app", "filler"], Directory.EnumerateFileSystemEntries(small.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Without(IReadOnlyList<string> changes, string what) => changes.Where(change => !change.EndsWith($"({what})", StringComparison.Ordinal));

    /// <summary>Without the number of names, which a safety copy shares with what it was made of.</summary>
    private static string Contents(string listing) => System.Text.RegularExpressions.Regex.Replace(listing, @"(?<= \d+) \d+(?= )", "");
}
