namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>
/// The pages of one state as a chain of backups tells them: of each page, what the newest backup that holds it says. Read
/// side by side, so that memory does not grow with the database. Pages are asked for in ascending order.
/// </summary>
internal sealed class PageHistory : IDisposable
{
    private readonly IReadOnlyList<PageIndex> indexes;
    private readonly uint[] limits;

    // The next entry of each index; of the same page, the newest backup's first.
    private readonly PriorityQueue<int, (uint Page, int Age)> next = new();

    /// <param name="newestFirst">The indexes of a backup and of all that it builds on, down to a full one. Disposed with this.</param>
    public PageHistory(IReadOnlyList<PageIndex> newestFirst)
    {
        indexes = newestFirst;
        limits = new uint[newestFirst.Count];
        Begin();
    }

    /// <summary>Bytes.</summary>
    public int PageSize => indexes[0].Header.PageSize;

    /// <summary>Pages of the state.</summary>
    public uint PageCount => indexes[0].Header.PageCount;

    /// <summary>Asks for one page.</summary>
    /// <param name="page">Above the one asked for before.</param>
    /// <param name="hash">What its content was.</param>
    /// <returns>False when the state has no such page, or nothing is known of it.</returns>
    public bool TryFind(uint page, out PageHash hash)
    {
        while (next.TryPeek(out var age, out var entry))
        {
            if (entry.Page > page)
                break;
            if (entry.Page == page)
            {
                hash = indexes[age].Hash;
                return true;
            }

            next.Dequeue();
            Advance(age);
        }

        hash = default;
        return false;
    }

    /// <summary>Of the state, as the indexes have it; then goes back to before the first page.</summary>
    /// <returns>Null when nothing is known of one of its pages.</returns>
    public string? Fingerprint()
    {
        using var fingerprint = new StateFingerprint();
        for (var page = 1u; page <= PageCount; page++)
        {
            if (TryFind(page, out var hash))
                fingerprint.Add(hash);
            else if (page == WalFormat.LockPage(PageSize)) // no increment can hold it: where the file grew over it, it is empty
                fingerprint.Add(PageHash.Of(new byte[PageSize]));
            else
                return null;
        }

        Begin();
        return fingerprint.Complete(PageSize);
    }

    public void Dispose()
    {
        foreach (var index in indexes)
            index.Dispose();
    }

    private void Begin()
    {
        next.Clear();
        var smallest = uint.MaxValue;
        for (var age = 0; age < indexes.Count; age++)
        {
            // What was beyond the end of a later state is gone, even if a still later one is that long again.
            limits[age] = smallest = Math.Min(smallest, indexes[age].Header.PageCount);
            indexes[age].Rewind();
            Advance(age);
        }
    }

    private void Advance(int age)
    {
        if (indexes[age].Next() && indexes[age].Page <= limits[age])
            next.Enqueue(age, (indexes[age].Page, age));
    }
}
