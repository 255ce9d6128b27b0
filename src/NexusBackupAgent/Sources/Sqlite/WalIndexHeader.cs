using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// The head of the shared WAL index, <c>-shm</c> (SQLite, "WAL-mode file format" §2.1), in the byte order of this machine.
/// </summary>
/// <param name="Change">Counts transactions: two equal headers mean that none was committed in between.</param>
/// <param name="IsOfThisVersion">Whether the index is of the version that this file describes.</param>
/// <param name="PageSize">Bytes.</param>
/// <param name="LastFrame">The last committed frame in the WAL; 0 when the WAL holds nothing.</param>
/// <param name="PageCount">Pages of the database after that frame; 0 when the WAL never held anything.</param>
/// <param name="FrameSum">The running checksum at that frame.</param>
/// <param name="Salt">The salts of this generation of the WAL, as they stand in it.</param>
/// <param name="Backfilled">How many frames were already copied into the database file.</param>
internal readonly record struct WalIndexHeader(
    uint Change, bool IsOfThisVersion, int PageSize, uint LastFrame, uint PageCount, (uint First, uint Second) FrameSum, ulong Salt, uint Backfilled)
{
    private const int HeaderSize = 48;
    private const int SumOffset = 40;
    private const int BackfilledOffset = 2 * HeaderSize;
    private const uint Version = 3007000;

    /// <summary>Whether both headers describe the same committed state, however far a checkpoint came in between.</summary>
    public bool IsSameStateAs(WalIndexHeader other) => this with { Backfilled = 0 } == other with { Backfilled = 0 };

    /// <summary>The running checksum, as it stands in the header of the last frame.</summary>
    public byte[] SumInFrame
    {
        get
        {
            var sum = new byte[WalChecksum.Size];
            BinaryPrimitives.WriteUInt32BigEndian(sum, FrameSum.First);
            BinaryPrimitives.WriteUInt32BigEndian(sum.AsSpan(sizeof(uint)), FrameSum.Second);
            return sum;
        }
    }

    /// <returns>Null while a writer is in the middle of updating it, and where it is no valid index: it counts only as SQLite would count it.</returns>
    public static WalIndexHeader? Read(SafeFileHandle shm)
    {
        Span<byte> bytes = stackalloc byte[BackfilledOffset + sizeof(uint)];
        if (RandomAccess.Read(shm, bytes, 0) < bytes.Length || bytes[12] == 0 || !bytes[..HeaderSize].SequenceEqual(bytes[HeaderSize..BackfilledOffset]))
            return null;
        if (Sum(bytes[..SumOffset]) != (MemoryMarshal.Read<uint>(bytes[SumOffset..]), MemoryMarshal.Read<uint>(bytes[(SumOffset + sizeof(uint))..])))
            return null;

        var pageSize = MemoryMarshal.Read<ushort>(bytes[14..]);
        return new WalIndexHeader(
            Change: MemoryMarshal.Read<uint>(bytes[8..]),
            IsOfThisVersion: MemoryMarshal.Read<uint>(bytes) == Version,
            PageSize: pageSize == 1 ? 65536 : pageSize,
            LastFrame: MemoryMarshal.Read<uint>(bytes[16..]),
            PageCount: MemoryMarshal.Read<uint>(bytes[20..]),
            FrameSum: (MemoryMarshal.Read<uint>(bytes[24..]), MemoryMarshal.Read<uint>(bytes[28..])),
            Salt: MemoryMarshal.Read<ulong>(bytes[32..]),
            Backfilled: MemoryMarshal.Read<uint>(bytes[BackfilledOffset..]));
    }

    /// <summary>As the checksum of a WAL, in the byte order of this machine.</summary>
    private static (uint First, uint Second) Sum(ReadOnlySpan<byte> bytes)
    {
        var (one, two) = (0u, 0u);
        var words = MemoryMarshal.Cast<byte, uint>(bytes);
        for (var word = 0; word < words.Length; word += 2)
        {
            one += words[word] + two;
            two += words[word + 1] + one;
        }

        return (one, two);
    }
}
