using NexusBackupAgent.Sources.Sqlite.Pages;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Sources.Sqlite.Pages;

/// <summary>What an index says of pages can be relied on, or it is refused.</summary>
public sealed class PageIndexTests : IDisposable
{
    private static readonly string Content = new('a', 64);

    private readonly TempDirectory temp = new();
    private int files;

    public void Dispose()
    {
        Assert.Empty(temp.Files);
        temp.Dispose();
    }

    [Fact]
    public async Task What_was_written_is_read()
    {
        using var index = await OpenAsync(await StoredAsync(100, (1, 11), (7, 77), (100, 3)));
        Assert.Equal((512, 100u, Content), (index.Header.PageSize, index.Header.PageCount, index.Header.ContentSha256));
        Assert.Equal([(1u, 11), (7u, 77), (100u, 3)], Entries(index));
        index.Rewind();
        Assert.Equal(3, Entries(index).Count());
    }

    [Fact]
    public async Task Every_damaged_or_missing_byte_is_noticed()
    {
        var stored = await StoredAsync(2, (1, 11), (2, 22));
        for (var position = 0; position < stored.Length; position++)
        {
            var damaged = (byte[])stored.Clone();
            damaged[position] ^= 1;
            await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(damaged));
            await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync(stored[..position]));
        }

        await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync([.. stored, .. stored]));
    }

    [Fact]
    public async Task The_index_of_another_backup_is_refused() =>
        await Assert.ThrowsAsync<InvalidDataException>(async () => await OpenAsync(await StoredAsync(1, (1, 1)), new string('b', 64)));

    [Fact]
    public async Task Of_each_page_the_newest_backup_that_holds_it_counts()
    {
        using var history = new PageHistory(
        [
            await OpenAsync(await StoredAsync(4, (2, 200))),
            await OpenAsync(await StoredAsync(4, (2, 20), (3, 30))),
            await OpenAsync(await StoredAsync(4, (1, 1), (2, 2), (3, 3), (4, 4))),
        ]);
        Assert.Equal([1, 200, 30, 4, null], Pages(history, 5));
    }

    [Fact]
    public async Task What_was_once_cut_off_is_forgotten()
    {
        using var history = new PageHistory(
        [
            await OpenAsync(await StoredAsync(5, (4, 400))),
            await OpenAsync(await StoredAsync(2, (1, 10))),
            await OpenAsync(await StoredAsync(5, (1, 1), (2, 2), (3, 3), (4, 4), (5, 5))),
        ]);
        Assert.Equal(5u, history.PageCount);
        Assert.Equal([10, 2, null, 400, null], Pages(history, 5));
    }

    [Fact]
    public void Pages_are_told_apart_by_one_bit() =>
        Assert.Equal(4097, Enumerable.Range(0, 4096).Select(bit => PageHash.Of(WithBit(bit))).Append(PageHash.Of(new byte[512])).Distinct().Count());

    private static byte[] WithBit(int bit)
    {
        var page = new byte[512];
        page[bit / 8] = (byte)(1 << (bit % 8));
        return page;
    }

    private static IEnumerable<int?> Pages(PageHistory history, uint count)
    {
        for (var page = 1u; page <= count; page++)
            yield return history.TryFind(page, out var hash) ? (int)hash.Value : null;
    }

    private static IEnumerable<(uint, int)> Entries(PageIndex index)
    {
        while (index.Next())
            yield return (index.Page, (int)index.Hash.Value);
    }

    private async Task<byte[]> StoredAsync(uint pageCount, params (uint Page, int Hash)[] entries)
    {
        var path = temp[$"draft{files++}"];
        await File.WriteAllBytesAsync(path, []);
        using var draft = new PageIndexDraft(path);
        foreach (var (page, hash) in entries)
            draft.Add(page, new PageHash((UInt128)hash));
        Assert.False(draft.IsComplete);
        draft.Complete(512, pageCount);
        using var stored = new MemoryStream();
        await draft.WriteToAsync(stored, Content, CancellationToken.None);
        return stored.ToArray();
    }

    private async Task<PageIndex> OpenAsync(byte[] stored, string? content = null)
    {
        var path = temp[$"index{files++}"];
        await File.WriteAllBytesAsync(path, stored);
        return await PageIndex.OpenAsync(path, content ?? Content, CancellationToken.None);
    }
}
