using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Reads a state once, compares each page with what an earlier state had there, and writes those that differ as a WAL. Nothing
/// that the database or its file says of itself is trusted to tell what changed.
/// </summary>
/// <param name="earlier">The state that the increment builds on.</param>
/// <param name="index">Told the pages that the WAL holds.</param>
/// <param name="destination">Where the WAL goes.</param>
internal sealed class WalCapture(PageHistory earlier, PageIndexDraft index, Stream destination)
{
    private const int BlockSize = 1 << 20; // a multiple of every page size

    private readonly int pageSize = earlier.PageSize;
    private readonly uint lockPage = WalFormat.LockPage(earlier.PageSize);
    private readonly byte[] emptiest = new byte[earlier.PageSize];
    private readonly WalWriter wal = new(destination, earlier.PageSize);
    private uint last;
    private (uint Page, int Zeros) emptiestOf = (0, -1);

    /// <returns>Of the whole state.</returns>
    /// <exception cref="NoIncrementException">The state can't be made of the earlier one.</exception>
    public async Task<ArtifactDigest> RunAsync(SqliteSnapshot snapshot, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var fingerprint = new StateFingerprint();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = 0L;
        var buffer = GC.AllocateUninitializedArray<byte>(BlockSize);
        var content = new ContentStream(BlockSize, () => buffer, async (block, filled, token) =>
        {
            // Two hashes of every byte are the work here: one core makes the pages', the other the state's.
            var comparing = Task.Run(() => CompareAsync(block.AsMemory(0, filled), fingerprint, token), CancellationToken.None);
            if (HoldsLockPage(length, filled))
                await comparing; // it may change the block
            hash.AppendData(block, 0, filled);
            await comparing;
            length += filled;
            progress?.Report(length);
        });
        await snapshot.CopyToAsync(content, cancellationToken);
        await content.CompleteAsync(cancellationToken);

        if (!wal.HoldsAny)
            await AddAsync(emptiestOf.Page, emptiest, PageHash.Of(emptiest), cancellationToken); // nothing changed, and a transaction needs a page
        await wal.CompleteAsync(last, cancellationToken);
        index.Complete(pageSize, last, fingerprint.Complete(pageSize));
        return new ArtifactDigest(length, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private bool HoldsLockPage(long offset, int length) => (lockPage - 1L) * pageSize is var at && at >= offset && at < offset + length;

    private async Task CompareAsync(Memory<byte> block, StateFingerprint state, CancellationToken cancellationToken)
    {
        for (var offset = 0; offset < block.Length; offset += pageSize)
        {
            var page = block.Slice(offset, pageSize);
            last++;
            var isKnown = earlier.TryFind(last, out var before);
            if (last == lockPage)
            {
                SettleLockPage(page.Span, isKnown ? before : null);
                state.Add(isKnown ? before : PageHash.Of(page.Span));
                continue;
            }

            Remember(page.Span);
            var hash = PageHash.Of(page.Span);
            state.Add(hash);
            if (!isKnown || hash != before)
                await AddAsync(last, page, hash, cancellationToken);
        }
    }

    /// <summary>
    /// The page with SQLite's locks can't stand in a WAL. It holds no data, so a restore leaves it as the earlier state has it,
    /// or empty where the file grows over it; and that is the state that was captured.
    /// </summary>
    private static void SettleLockPage(Span<byte> page, PageHash? before)
    {
        if (before is null)
            page.Clear();
        else if (PageHash.Of(page) != before)
            throw new NoIncrementException("the page that holds SQLite's locks changed, which no increment can hold");
    }

    /// <summary>Keeps the page that costs least to store again.</summary>
    private void Remember(ReadOnlySpan<byte> page)
    {
        if (page.Count((byte)0) is var zeros && zeros <= emptiestOf.Zeros)
            return;
        page.CopyTo(emptiest);
        emptiestOf = (last, zeros);
    }

    private async ValueTask AddAsync(uint page, ReadOnlyMemory<byte> content, PageHash hash, CancellationToken cancellationToken)
    {
        index.Add(page, hash);
        await wal.AddAsync(page, content, cancellationToken);
    }
}
