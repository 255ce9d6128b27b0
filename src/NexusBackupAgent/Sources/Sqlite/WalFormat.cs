using System.Buffers.Binary;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>The layout of a WAL file (SQLite file format, §4.1): a header, then frames of a header and one page each. All numbers are big-endian.</summary>
internal static class WalFormat
{
    public const int HeaderSize = 32;

    public const int FrameHeaderSize = 24;

    /// <summary>Where the salts stand in the header of the file.</summary>
    public const int Salts = 16;

    /// <summary>Where the salts stand in the header of a frame.</summary>
    public const int FrameSalts = 8;

    /// <summary>How long the salts are; they are the same in the file's header and in every valid frame.</summary>
    public const int SaltsSize = 8;

    /// <summary>How much of the file's header its checksum covers.</summary>
    public const int SummedOfHeader = 24;

    /// <summary>How much of a frame's header its checksum covers, before the page.</summary>
    public const int SummedOfFrame = 8;

    /// <summary>Of the file format, as it stands in the file.</summary>
    public const uint Version = 3007000;

    /// <summary>The first number of a WAL whose checksums read little-endian words, on whatever machine.</summary>
    public const uint Magic = 0x377f0682;

    // Where SQLite puts its locks; the page that holds this byte is never written, to the file or to a WAL (§1.6).
    private const uint PendingByte = 1 << 30;

    /// <summary>The number of the page that holds SQLite's locks and no data, in a database that is long enough.</summary>
    public static uint LockPage(int pageSize) => PendingByte / (uint)pageSize + 1;

    /// <summary>The page size that the first bytes of a database tell.</summary>
    /// <returns>512 to 65536; 0 when these bytes begin no database.</returns>
    public static int PageSizeOf(ReadOnlySpan<byte> database)
    {
        if (database.Length < 18 || !database.StartsWith("SQLite format 3\0"u8))
            return 0;
        var size = BinaryPrimitives.ReadUInt16BigEndian(database[16..]);
        return size == 1 ? 65536 : Valid(size);
    }

    /// <returns>The size itself; 0 when SQLite has no pages of that size.</returns>
    public static int Valid(uint pageSize) => pageSize is >= 512 and <= 65536 && uint.IsPow2(pageSize) ? (int)pageSize : 0;
}
