using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// The head of the shared WAL index, <c>-shm</c> (SQLite, "WAL-mode file format" §2.1), in the byte order of this machine.
/// </summary>
/// <param name="Change">Counts transactions: two equal headers mean that none was committed in between.</param>
/// <param name="IsReady">Whether the index is initialised and of the known version.</param>
/// <param name="PageSize">Bytes.</param>
/// <param name="LastFrame">The last committed frame in the WAL; 0 when the WAL holds nothing.</param>
/// <param name="PageCount">Pages of the database after that frame; 0 when the WAL never held anything.</param>
/// <param name="Salt">The salts of this generation of the WAL, as they stand in it.</param>
/// <param name="Backfilled">How many frames were already copied into the database file.</param>
internal readonly record struct WalIndexHeader(
    uint Change, bool IsReady, int PageSize, uint LastFrame, uint PageCount, ulong Salt, uint Backfilled)
{
    private const int HeaderSize = 48;
    private const int BackfilledOffset = 2 * HeaderSize;
    private const uint Version = 3007000;

    /// <summary>Whether both headers describe the same committed state, however far a checkpoint came in between.</summary>
    public bool IsSameStateAs(WalIndexHeader other) => this with { Backfilled = 0 } == other with { Backfilled = 0 };

    /// <returns>Null while a writer is in the middle of updating it.</returns>
    public static WalIndexHeader? Read(SafeFileHandle shm)
    {
        Span<byte> bytes = stackalloc byte[BackfilledOffset + sizeof(uint)];
        if (RandomAccess.Read(shm, bytes, 0) < bytes.Length || !bytes[..HeaderSize].SequenceEqual(bytes[HeaderSize..BackfilledOffset]))
            return null;

        var pageSize = MemoryMarshal.Read<ushort>(bytes[14..]);
        return new WalIndexHeader(
            Change: MemoryMarshal.Read<uint>(bytes[8..]),
            IsReady: MemoryMarshal.Read<uint>(bytes) == Version && bytes[12] == 1,
            PageSize: pageSize == 1 ? 65536 : pageSize,
            LastFrame: MemoryMarshal.Read<uint>(bytes[16..]),
            PageCount: MemoryMarshal.Read<uint>(bytes[20..]),
            Salt: MemoryMarshal.Read<ulong>(bytes[32..]),
            Backfilled: MemoryMarshal.Read<uint>(bytes[BackfilledOffset..]));
    }
}
