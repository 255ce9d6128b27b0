using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// Writes pages as a genuine WAL that holds one transaction: beside the database that they change, any SQLite brings them in.
/// </summary>
/// <param name="destination">Written in order; not disposed.</param>
/// <param name="pageSize">Bytes.</param>
internal sealed class WalWriter(Stream destination, int pageSize)
{
    // The last frame alone says that the transaction is complete, so each is held until another follows.
    private readonly byte[] frame = new byte[WalFormat.FrameHeaderSize + pageSize];
    private readonly WalChecksum checksum = new();
    private uint held;

    /// <summary>Whether there is a page in it.</summary>
    public bool HoldsAny => held > 0;

    /// <param name="page">Its number, from 1; above the one before.</param>
    /// <param name="content">The whole page.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public async ValueTask AddAsync(uint page, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (held == 0)
            await BeginAsync(cancellationToken);
        else
            await WriteHeldAsync(pageCount: 0, cancellationToken);
        content.CopyTo(frame.AsMemory(WalFormat.FrameHeaderSize));
        held = page;
    }

    /// <summary>Ends the transaction; called once, after at least one page.</summary>
    /// <param name="pageCount">Pages of the database after it.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    public ValueTask CompleteAsync(uint pageCount, CancellationToken cancellationToken) => WriteHeldAsync(pageCount, cancellationToken);

    private ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        var header = new byte[WalFormat.HeaderSize];
        BinaryPrimitives.WriteUInt32BigEndian(header, WalFormat.Magic);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), WalFormat.Version);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(8), (uint)pageSize);
        var salts = header.AsSpan(WalFormat.Salts, WalFormat.SaltsSize);
        RandomNumberGenerator.Fill(salts); // so that frames of another WAL never pass for frames of this one
        salts.CopyTo(frame.AsSpan(WalFormat.FrameSalts));
        checksum.Add(header.AsSpan(0, WalFormat.SummedOfHeader));
        checksum.Write(header.AsSpan(WalFormat.SummedOfHeader));
        return destination.WriteAsync(header, cancellationToken);
    }

    private ValueTask WriteHeldAsync(uint pageCount, CancellationToken cancellationToken)
    {
        BinaryPrimitives.WriteUInt32BigEndian(frame, held);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), pageCount);
        checksum.Add(frame.AsSpan(0, WalFormat.SummedOfFrame));
        checksum.Add(frame.AsSpan(WalFormat.FrameHeaderSize));
        checksum.Write(frame.AsSpan(WalFormat.FrameHeaderSize - WalChecksum.Size));
        return destination.WriteAsync(frame, cancellationToken);
    }
}
