using System.Text;
using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Stores;

/// <summary>What every store does, however it keeps its files.</summary>
public abstract class BackupStoreContract
{
    /// <summary>One and the same, and nothing in it yet.</summary>
    private protected abstract IBackupStore Store { get; }

    private protected virtual bool Renames => true;

    private protected virtual bool TellsSpace => true;

    [SkippableTheory]
    [InlineData("a.db.gz")]
    [InlineData("itsm/a.db.gz")]
    [InlineData("tenants/東京 支店/a 'b' \"c\" #1?%20.db.gz")]
    public async Task What_was_written_is_read_back(string path)
    {
        await WriteAsync(path, "hello");

        Assert.Equal("hello", await ReadAsync(path));
        var file = Assert.Single(await ListAsync(path));
        Assert.Equal((Path.GetFileName(path), 5), (file.Name, file.Length));
    }

    [SkippableFact]
    public async Task A_file_may_be_empty()
    {
        await WriteAsync("empty", "");
        Assert.Equal(0, Assert.Single(await ListAsync("empty")).Length);
    }

    [SkippableFact]
    public async Task A_writer_that_fails_leaves_nothing_and_its_own_exception()
    {
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => Store.PutAsync("d/a", replace: false, Durability.Now, WriteHalfAndThrow, CancellationToken.None));
        Assert.Empty(await ListAsync("d/a"));
    }

    [SkippableFact]
    public async Task A_writer_that_fails_leaves_the_file_that_was_there()
    {
        await WriteAsync("a", "before");
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => Store.PutAsync("a", replace: true, Durability.Now, WriteHalfAndThrow, CancellationToken.None));
        Assert.Equal("before", await ReadAsync("a"));
        Assert.Single(await ListAsync("a"));
    }

    [SkippableFact]
    public async Task Cancelling_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.PutAsync(
            "a",
            replace: false,
            Durability.Now,
            async (stream, token) =>
            {
                await stream.WriteAsync(new byte[10], token);
                await stop.CancelAsync();
            },
            stop.Token));
        Assert.Empty(await ListAsync("a"));
    }

    [SkippableFact]
    public async Task Nothing_is_seen_of_a_file_before_it_is_whole()
    {
        await Store.PutAsync(
            "a.db.gz",
            replace: false,
            Durability.Now,
            async (stream, token) =>
            {
                await stream.WriteAsync(new byte[10], token);
                await Assert.ThrowsAsync<FileNotFoundException>(() => Store.OpenAsync("a.db.gz", token));
                Assert.DoesNotContain(await Store.ListAsync("", token), file => !file.Name.StartsWith('.') || !file.IsUnfinished);
            },
            CancellationToken.None);
        Assert.Equal(10, Assert.Single(await ListAsync("a.db.gz")).Length);
    }

    [SkippableFact]
    public async Task A_file_is_replaced_only_when_asked_to()
    {
        await WriteAsync("a", "first");
        var refused = await Assert.ThrowsAsync<BackupException>(() => WriteAsync("a", "second", replace: false));
        Assert.Contains("exist", refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("first", await ReadAsync("a"));

        await WriteAsync("a", "third", replace: true);
        Assert.Equal("third", await ReadAsync("a"));
        Assert.Single(await ListAsync("a"));
    }

    [SkippableFact]
    public async Task Listing_tells_files_of_one_directory_hidden_ones_included()
    {
        await WriteAsync("d/a", "1");
        await WriteAsync("d/.hidden", "2");
        await WriteAsync("d/sub/b", "3");

        Assert.Equal([".hidden", "a"], (await Store.ListAsync("d", CancellationToken.None)).Where(file => !file.IsOdd).Select(file => file.Name).Order(StringComparer.Ordinal));
        Assert.Equal(["sub"], await Store.ListDirectoriesAsync("d", CancellationToken.None));
        Assert.Equal(["d"], await Store.ListDirectoriesAsync("", CancellationToken.None));
    }

    [SkippableFact]
    public async Task An_absent_directory_holds_nothing()
    {
        Assert.Empty(await Store.ListAsync("none/such", CancellationToken.None));
        Assert.Empty(await Store.ListDirectoriesAsync("none/such", CancellationToken.None));
    }

    [SkippableTheory]
    [InlineData("d/a", "d/a.bad")]
    [InlineData("d/a 'b' 東京", "other/sub/c")]
    [InlineData("a", "b")]
    public async Task A_moved_file_is_whole_under_its_new_name_and_gone_from_the_old(string from, string to)
    {
        await WriteAsync(from, "hello");
        var before = Assert.Single(await ListAsync(from));

        if (!await RenameAsync(from, to))
            return;

        Assert.Equal("hello", await ReadAsync(to));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.OpenAsync(from, CancellationToken.None));
        var after = Assert.Single(await ListAsync(to));
        Assert.Equal(before with { Name = Path.GetFileName(to), ChangedAt = after.ChangedAt }, after); // it is as old as it was, and was renamed now
    }

    [SkippableFact]
    public async Task Moving_never_replaces_a_file()
    {
        await WriteAsync("d/a", "mine");
        await WriteAsync("d/b", "theirs");
        if (!Renames)
            return;

        var refused = await Assert.ThrowsAsync<BackupException>(() => Store.TryRenameAsync("d/a", "d/b", CancellationToken.None));

        Assert.Contains("exist", refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(("mine", "theirs"), (await ReadAsync("d/a"), await ReadAsync("d/b")));
    }

    [SkippableFact]
    public async Task Moving_what_is_absent_says_so()
    {
        await WriteAsync("d/a", "1");
        if (!Renames)
            return;
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.TryRenameAsync("d/b", "d/c", CancellationToken.None));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.TryRenameAsync("none/such", "d/c", CancellationToken.None));
        Assert.Equal("a", Assert.Single(await ListAsync("d/a")).Name);
    }

    [SkippableFact]
    public async Task Deleting_what_is_absent_is_success()
    {
        await WriteAsync("d/a", "1");
        await Store.DeleteAsync("d/a", Durability.Now, CancellationToken.None);
        await Store.DeleteAsync("d/a", Durability.Now, CancellationToken.None);
        await Store.DeleteAsync("none/such", Durability.Now, CancellationToken.None);
        Assert.Empty(await ListAsync("d/a"));
    }

    [SkippableFact]
    public async Task Opening_what_is_absent_says_so()
    {
        await WriteAsync("d/a", "1");
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.OpenAsync("d/b", CancellationToken.None));
    }

    [SkippableFact]
    public async Task A_file_is_as_young_as_its_writing()
    {
        var before = FileSystemClock.Now;
        await WriteAsync("a", "1");
        Assert.InRange(Assert.Single(await ListAsync("a")).ModifiedAt, before.AddSeconds(-2), FileSystemClock.Now.AddSeconds(2));
    }

    [SkippableFact]
    public async Task A_small_file_is_read_at_once_and_an_absent_one_says_so()
    {
        await WriteAsync("d/a", "hello");
        Assert.Equal("hello", Encoding.UTF8.GetString(await Store.ReadAsync("d/a", CancellationToken.None)));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.ReadAsync("d/b", CancellationToken.None));
        await Assert.ThrowsAsync<FileNotFoundException>(() => Store.ReadAsync("none/such", CancellationToken.None));
    }

    [SkippableTheory]
    [InlineData(nameof(Durability.Now))]
    [InlineData(nameof(Durability.NameLater))]
    [InlineData(nameof(Durability.Later))]
    public async Task Whatever_a_power_cut_may_take_everybody_sees_each_change_at_once(string durability)
    {
        var how = Enum.Parse<Durability>(durability);
        await WriteAsync("d/a", "first", durability: how);
        Assert.Equal("first", await ReadAsync("d/a"));
        await WriteAsync("d/a", "second", replace: true, durability: how);
        Assert.Equal("second", await ReadAsync("d/a"));
        await Store.DeleteAsync("d/a", how, CancellationToken.None);
        Assert.Empty(await ListAsync("d/a"));
    }

    [SkippableFact]
    public async Task A_put_tells_of_the_file_what_a_listing_does()
    {
        var put = await Store.PutAsync("d/a", replace: false, Durability.Now, (stream, token) => stream.WriteAsync(new byte[7], token).AsTask(), CancellationToken.None);
        Assert.Equal(put, Assert.Single(await ListAsync("d/a")));
        Assert.Equal(("a", 7, false), (put.Name, put.Length, put.IsUnfinished));
    }

    [SkippableFact]
    public async Task What_is_open_stays_whole_while_it_is_replaced()
    {
        await WriteAsync("a", "before");
        using var reader = new StreamReader(await Store.OpenAsync("a", CancellationToken.None));
        await WriteAsync("a", "after", replace: true);
        Assert.Equal("before", await reader.ReadToEndAsync());
    }

    [SkippableFact]
    public async Task A_healthy_store_is_up_and_writable_and_bare_only_as_long_as_nothing_lies_in_it()
    {
        var empty = await Store.GetHealthAsync(CancellationToken.None);
        Assert.Equal((true, true, true, TellsSpace), (empty.Down is null, empty.Failure is null, empty.IsBare, empty.Space is not null));
        await WriteAsync("d/a", "1");
        Assert.False((await Store.GetHealthAsync(CancellationToken.None)).IsBare);
    }

    [SkippableFact]
    public void Places_are_described_apart() =>
        Assert.Equal(3, new[] { Store.Describe(""), Store.Describe("d"), Store.Describe("d/a") }.Where(text => text.Length > 0).Distinct(StringComparer.Ordinal).Count());

    /// <summary>Renames, or sees that a store which can't leaves everything as it is.</summary>
    private async Task<bool> RenameAsync(string from, string to)
    {
        var renamed = await Store.TryRenameAsync(from, to, CancellationToken.None);
        Assert.Equal(Renames, renamed);
        if (!renamed)
        {
            await ReadAsync(from);
            await Assert.ThrowsAsync<FileNotFoundException>(() => ReadAsync(to));
        }

        return renamed;
    }

    private protected Task WriteAsync(string path, string text, bool replace = false, Durability durability = Durability.Now) =>
        Store.PutAsync(path, replace, durability, (stream, token) => stream.WriteAsync(Encoding.UTF8.GetBytes(text), token).AsTask(), CancellationToken.None);

    private protected async Task<string> ReadAsync(string path)
    {
        using var reader = new StreamReader(await Store.OpenAsync(path, CancellationToken.None));
        return await reader.ReadToEndAsync();
    }

    private static async Task WriteHalfAndThrow(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(new byte[100_000], cancellationToken);
        throw new InvalidTimeZoneException("mine");
    }

    private Task<IReadOnlyList<StoredFile>> ListAsync(string path) => Store.ListAsync(Path.GetDirectoryName(path)!, CancellationToken.None);
}
