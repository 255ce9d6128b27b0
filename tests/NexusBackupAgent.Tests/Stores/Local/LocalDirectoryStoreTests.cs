using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores.Local;

public sealed class LocalDirectoryStoreTests : BackupStoreContract, IDisposable
{
    private readonly TempDirectory temp = new();

    private protected override IBackupStore Store => new LocalDirectoryStore("local", temp.Path);

    public void Dispose() => temp.Dispose();

    [SkippableFact]
    public async Task Reading_begins_at_the_disk_whatever_memory_still_holds()
    {
        Need.Tool("fincore");
        using var disk = TempDirectory.OnDisk();
        var (store, file) = (new LocalDirectoryStore("local", disk.Path), disk["a"]);
        await store.PutAsync("a", false, Durability.Now, (stream, token) => stream.WriteAsync(new byte[1 << 20], token).AsTask(), CancellationToken.None);
        await File.ReadAllBytesAsync(file);
        Skip.If(await InMemoryAsync() == 0, "this file system has no page cache");

        await using (await store.OpenAsync("a", CancellationToken.None))
            Skip.If(await InMemoryAsync() >= 1 << 20 && new DriveInfo(disk.Path).DriveFormat is "tmpfs" or "overlay", "this file system keeps all or does not take advice");

        Assert.Equal(0, await InMemoryAsync());

        async Task<long> InMemoryAsync() => long.Parse(await Shell.RunAsync("fincore", "--bytes", "--noheadings", "--output", "RES", file), System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_missing_root_is_an_error_and_is_never_made()
    {
        var store = new LocalDirectoryStore("local", temp["unmounted"]);
        Func<Task>[] uses =
        [
            () => store.PutAsync("itsm/a", false, Durability.Now, (_, _) => Task.CompletedTask, CancellationToken.None),
            () => store.ListAsync("", CancellationToken.None),
            () => store.ListAsync("itsm", CancellationToken.None),
            () => store.ListDirectoriesAsync("", CancellationToken.None),
            async () => throw (await store.GetHealthAsync(CancellationToken.None)).Down!,
        ];

        foreach (var use in uses)
        {
            var refused = await Assert.ThrowsAsync<BackupException>(use);
            Assert.Equal(FailureKind.StoreUnavailable, refused.Kind);
            Assert.Contains($"store 'local' does not exist: '{temp["unmounted"]}'", refused.Message, StringComparison.Ordinal);
            Assert.Contains("mkdir -p", refused.Hint, StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(temp["unmounted"]));
    }

    [Fact]
    public async Task A_root_that_is_a_file_is_an_error()
    {
        await File.WriteAllTextAsync(temp["file"], "");
        var refused = await Assert.ThrowsAsync<BackupException>(() => new LocalDirectoryStore("local", temp["file"]).ListAsync("", CancellationToken.None));
        Assert.Contains("is not a directory", refused.Message, StringComparison.Ordinal);
        Assert.Contains("move it away", refused.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unfinished_file_hides_from_the_runbook_s_globs()
    {
        await Store.PutAsync(
            "a.db.gz",
            false,
            Durability.Now,
            async (stream, token) =>
            {
                await stream.WriteAsync(new byte[10], token);
                var partial = Assert.Single(temp.Files);
                Assert.StartsWith(".a.db.gz.", partial, StringComparison.Ordinal);
                Assert.True(Assert.Single(await Store.ListAsync("", token)).IsUnfinished);
            },
            CancellationToken.None);
        Assert.Equal(["a.db.gz"], temp.Files);
    }

    [SkippableFact]
    public async Task What_root_writes_belongs_to_whom_the_store_belongs_to()
    {
        Need.Root();
        await Shell.RunAsync("chown", "1234:4321", temp.Path);

        await Store.PutAsync("new/a", replace: false, Durability.Now, (_, _) => Task.CompletedTask, CancellationToken.None);

        Assert.Equal("1234 4321\n1234 4321", await Shell.RunAsync("stat", "-c", "%u %g", temp["new"], temp["new/a"]));
    }

    [SkippableFact]
    public async Task A_full_disk_is_named_and_nothing_is_left_on_it()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        var store = new LocalDirectoryStore("local", small.Path);

        var full = await Assert.ThrowsAsync<BackupException>(() => store.PutAsync("a", false, Durability.Now, WriteMebibytes(3), CancellationToken.None));

        Assert.Equal(FailureKind.StoreFull, full.Kind);
        Assert.Contains("no space left", full.Message, StringComparison.Ordinal);
        Assert.Contains("df -h", full.Hint, StringComparison.Ordinal);
        Assert.Empty(TempDirectory.FilesIn(small.Path));
        await store.PutAsync("a", false, Durability.Now, WriteMebibytes(1), CancellationToken.None); // the room is there again
    }

    [SkippableFact]
    public async Task A_read_only_file_system_is_named()
    {
        await using var small = await SmallFileSystem.MountAsync("size=2m");
        await File.WriteAllTextAsync(Path.Combine(small.Path, "old"), "x");
        await small.RemountAsync("ro");
        var store = new LocalDirectoryStore("local", small.Path);

        var writing = await Assert.ThrowsAsync<BackupException>(() => store.PutAsync("a", false, Durability.Now, WriteMebibytes(1), CancellationToken.None));
        Assert.Equal(FailureKind.StoreUnavailable, writing.Kind);
        Assert.Contains("read-only", writing.Message, StringComparison.Ordinal);
        var deleting = await Assert.ThrowsAsync<BackupException>(() => store.DeleteAsync("old", Durability.Now, CancellationToken.None));
        Assert.Equal(FailureKind.StoreUnavailable, deleting.Kind);
        Assert.Equal("old", Assert.Single(await store.ListAsync("", CancellationToken.None)).Name);
        var health = await store.GetHealthAsync(CancellationToken.None);
        var asked = health.Refusal!;
        Assert.Equal((true, false), (health.Down is null, health.Failure is null));
        Assert.Equal(FailureKind.StoreUnavailable, asked.Kind);
        Assert.Contains("cannot write in store", asked.Message, StringComparison.Ordinal);
        Assert.Contains("read-only", asked.Message, StringComparison.Ordinal);
        Assert.NotNull(health.Space);
        await small.RemountAsync("rw");
        Assert.Null((await store.GetHealthAsync(CancellationToken.None)).Failure);
    }

    [SkippableFact]
    public async Task A_directory_without_the_right_to_write_is_named()
    {
        Need.Root();
        Need.Tool("setpriv");
        var root = temp.Sub("root");
        await Shell.BashAsync($"chmod 755 '{temp.Path}' '{root}'");

        var said = await Child.RunAsUserAsync("store-write", root);

        Assert.Contains("Permission", said, StringComparison.Ordinal);
        Assert.Contains("permission denied", said, StringComparison.Ordinal);
        Assert.Matches("^Permission: cannot write in store 'local' at .*permission denied.*ls -la", await Child.RunAsUserAsync("store-writable", root));
        Assert.Empty(TempDirectory.FilesIn(root));
    }

    [SkippableFact]
    public async Task A_root_that_may_not_be_looked_into_does_not_pass_for_an_empty_store()
    {
        Need.Root();
        Need.Tool("setpriv");
        var root = temp.Sub("root");
        await Shell.BashAsync($"mkdir '{root}/itsm'; touch '{root}/itsm/a.db.gz'; chmod 755 '{temp.Path}'; chmod 700 '{root}'");

        Assert.Contains("permission denied", await Child.RunAsUserAsync("store-list", root), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("itsm")]
    [InlineData("")]
    public async Task A_directory_whose_names_alone_may_be_read_does_not_pass_for_an_empty_one(string readable)
    {
        Need.Root();
        Need.Tool("setpriv");
        var root = temp.Sub("root");
        await Shell.BashAsync($"mkdir '{root}/itsm'; touch '{root}/itsm/a.db.gz'; chmod 755 '{temp.Path}' '{root}' '{root}/itsm'; chmod 744 '{Path.Combine(root, readable)}'");

        Assert.StartsWith("Permission: cannot list", await Child.RunAsUserAsync("store-list", root), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_directory_does_not_pass_for_an_empty_one()
    {
        await File.WriteAllTextAsync(temp["file"], "");
        File.CreateSymbolicLink(temp["link"], "/not/mounted");
        foreach (var place in (string[])["file", "link"])
        {
            var refused = await Assert.ThrowsAsync<BackupException>(() => Store.ListAsync(place, CancellationToken.None));
            Assert.Equal(FailureKind.StoreUnavailable, refused.Kind);
            Assert.Contains($"cannot list '{temp[place]}'", refused.Message, StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public async Task A_pipe_and_a_directory_are_told_as_no_files_and_a_link_that_leads_nowhere_as_one()
    {
        Need.Tool("mkfifo");
        await Shell.RunAsync("mkfifo", temp["pipe"]);
        File.CreateSymbolicLink(temp["link"], "/not/mounted");
        Directory.CreateDirectory(temp["directory"]);
        Assert.Equal(
            [("directory", true), ("link", false), ("pipe", true)],
            (await Store.ListAsync("", CancellationToken.None)).OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => (file.Name, file.IsOdd)));
        Assert.Equal(FailureKind.Io, (await Assert.ThrowsAsync<BackupException>(() => Store.OpenAsync("pipe", CancellationToken.None))).Kind);
    }

    [SkippableFact]
    public async Task Disk_use_is_what_df_says()
    {
        await using var small = await SmallFileSystem.MountAsync("size=3m");
        foreach (var (path, name) in ((string, string)[])[(small.Path, "empty"), (temp.Path, "temp")])
            await AssertAsDf(path, name);
        await File.WriteAllBytesAsync(Path.Combine(small.Path, "a"), new byte[1234567]);
        await AssertAsDf(small.Path, "used");
    }

    private static async Task AssertAsDf(string path, string name)
    {
        // Others use the big disk meanwhile: what df says lies between what we say before and after.
        var before = await PercentAsync(path);
        var df = int.Parse((await Shell.BashAsync($"df --output=pcent '{path}' | tail -1")).Trim().TrimEnd('%'), System.Globalization.CultureInfo.InvariantCulture);
        var after = await PercentAsync(path);
        Assert.True(df >= Math.Min(before, after) && df <= Math.Max(before, after), $"{name}: df {df}, store {before} and {after}");
    }

    private static async Task<int> PercentAsync(string path) =>
        (int)Math.Ceiling(Math.Round((await new LocalDirectoryStore("local", path).GetHealthAsync(CancellationToken.None)).Space!.Value.UsedRatio * 100, 9));

    private static Func<Stream, CancellationToken, Task> WriteMebibytes(int count) => async (stream, token) =>
    {
        for (var i = 0; i < count; i++)
            await stream.WriteAsync(new byte[1 << 20], token);
    };
}
