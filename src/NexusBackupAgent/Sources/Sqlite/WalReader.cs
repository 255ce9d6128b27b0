using System.Buffers.Binary;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>One page of a WAL.</summary>
/// <param name="Page">Its number.</param>
/// <param name="PageCount">Pages of the database after this frame, which ends a transaction; 0 otherwise.</param>
/// <param name="Content">Valid until more is read.</param>
internal readonly record struct WalFrame(uint Page, uint PageCount, ReadOnlyMemory<byte> Content);

/// <summary>
/// Takes a WAL in pieces and tells its pages. What a database's own WAL may have is refused here: frames after the end of the
/// one transaction, or of an older generation. An increment has none.
/// </summary>
/// <param name="onHeader">Told the page size before the first page.</param>
/// <param name="onFrame">Told each page, in ascending order.</param>
internal sealed class WalReader(Action<int> onHeader, Action<WalFrame> onFrame)
{
    private byte[] piece = new byte[WalFormat.HeaderSize];
    private byte[] salts = [];
    private WalChecksum? checksum;
    private int filled;
    private uint last;
    private uint pageCount;

    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="InvalidDataException">It is no such WAL.</exception>
    public void Read(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (pageCount > 0)
                throw new InvalidDataException("something follows the end of the transaction in the WAL");
            var count = Math.Min(bytes.Length, piece.Length - filled);
            bytes[..count].CopyTo(piece.AsSpan(filled));
            bytes = bytes[count..];
            filled += count;
            if (filled == piece.Length)
                Take();
        }
    }

    /// <summary>Says that all was read.</summary>
    /// <returns>Pages of the database after the transaction.</returns>
    /// <exception cref="InvalidDataException">The WAL is not whole.</exception>
    public uint Complete() => pageCount > 0 ? pageCount : throw new InvalidDataException("the WAL ends before its transaction does");

    private void Take()
    {
        filled = 0;
        if (checksum is null)
            TakeHeader();
        else
            TakeFrame(checksum);
    }

    private void TakeHeader()
    {
        var magic = BinaryPrimitives.ReadUInt32BigEndian(piece);
        var version = BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(4));
        var pageSize = WalFormat.Valid(BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(8)));
        if (magic != WalFormat.Magic || version != WalFormat.Version || pageSize == 0)
            throw new InvalidDataException("its content is not a WAL as the agent writes it");

        checksum = new WalChecksum();
        checksum.Add(piece.AsSpan(0, WalFormat.SummedOfHeader));
        if (!checksum.Matches(piece.AsSpan(WalFormat.SummedOfHeader)))
            throw new InvalidDataException("the checksum of the WAL's header is wrong");
        salts = piece[WalFormat.Salts..(WalFormat.Salts + WalFormat.SaltsSize)];
        piece = new byte[WalFormat.FrameHeaderSize + pageSize];
        onHeader(pageSize);
    }

    private void TakeFrame(WalChecksum running)
    {
        var page = BinaryPrimitives.ReadUInt32BigEndian(piece);
        if (!piece.AsSpan(WalFormat.FrameSalts, salts.Length).SequenceEqual(salts))
            throw new InvalidDataException($"the WAL's frame behind page {last} belongs to another WAL");
        running.Add(piece.AsSpan(0, WalFormat.SummedOfFrame));
        running.Add(piece.AsSpan(WalFormat.FrameHeaderSize));
        if (!running.Matches(piece.AsSpan(WalFormat.FrameHeaderSize - WalChecksum.Size)))
            throw new InvalidDataException($"the checksum of the WAL's frame behind page {last} is wrong");

        var pageSize = piece.Length - WalFormat.FrameHeaderSize;
        if (page <= last || page == WalFormat.LockPage(pageSize))
            throw new InvalidDataException($"page {page} stands in the WAL behind page {last}, where it can't be");
        pageCount = BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(4));
        if (pageCount > 0 && page > pageCount)
            throw new InvalidDataException($"the WAL holds page {page} of a database of {pageCount} pages");
        last = page;
        onFrame(new WalFrame(page, pageCount, piece.AsMemory(WalFormat.FrameHeaderSize)));
    }
}
