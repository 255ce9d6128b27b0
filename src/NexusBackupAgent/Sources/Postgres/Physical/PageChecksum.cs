using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.RegularExpressions;

namespace NexusBackupAgent.Sources.Postgres.Physical;

/// <summary>The checksum that PostgreSQL keeps in each page of a cluster that has them (storage/checksum_impl.h).</summary>
internal static class PageChecksum
{
    /// <summary>Bytes; every packaged server has pages of this size.</summary>
    public const int PageSize = 8192;

    private const int ChecksumAt = 8;
    private const int UpperAt = 14;
    private const int Lanes = 8; // of a vector; four of them make the 32 sums
    private const uint Prime = 16777619;

    private static readonly uint[] Offsets =
    [
        0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
        0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
        0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
        0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
    ];

    /// <summary>Whether it was never used: then it has no checksum.</summary>
    public static bool IsNew(ReadOnlySpan<byte> page) => BinaryPrimitives.ReadUInt16LittleEndian(page[UpperAt..]) == 0;

    /// <summary>The end of the WAL that changed it last.</summary>
    public static Lsn ChangedAt(ReadOnlySpan<byte> page) =>
        new(((ulong)BinaryPrimitives.ReadUInt32LittleEndian(page) << 32) | BinaryPrimitives.ReadUInt32LittleEndian(page[4..]));

    /// <param name="page">One page.</param>
    /// <param name="block">Its number in the whole relation, all its files together.</param>
    public static bool Holds(ReadOnlySpan<byte> page, uint block) => Of(page, block) == BinaryPrimitives.ReadUInt16LittleEndian(page[ChecksumAt..]);

    public static ushort Of(ReadOnlySpan<byte> page, uint block)
    {
        var (a, b, c, d) = (Vector256.Create(Offsets, 0), Vector256.Create(Offsets, 8), Vector256.Create(Offsets, 16), Vector256.Create(Offsets, 24));
        var words = MemoryMarshal.Cast<byte, uint>(page);
        for (var at = 0; at < words.Length; at += 4 * Lanes)
        {
            var first = Vector256.Create(words[at..]);
            if (at == 0)
                first = first.WithElement(ChecksumAt / sizeof(uint), words[ChecksumAt / sizeof(uint)] & 0xFFFF0000); // the checksum itself counts as 0
            a = Mix(a, first);
            b = Mix(b, Vector256.Create(words[(at + Lanes)..]));
            c = Mix(c, Vector256.Create(words[(at + (2 * Lanes))..]));
            d = Mix(d, Vector256.Create(words[(at + (3 * Lanes))..]));
        }

        for (var round = 0; round < 2; round++)
            (a, b, c, d) = (Mix(a, default), Mix(b, default), Mix(c, default), Mix(d, default));
        var folded = a ^ b ^ c ^ d;
        var sum = block;
        for (var lane = 0; lane < Lanes; lane++)
            sum ^= folded[lane];
        return (ushort)((sum % 65535) + 1);

        static Vector256<uint> Mix(Vector256<uint> sum, Vector256<uint> value)
        {
            var mixed = sum ^ value;
            return (mixed * Prime) ^ Vector256.ShiftRightLogical(mixed, 17);
        }
    }
}

/// <summary>Which files of a cluster consist of pages.</summary>
internal static partial class RelationFile
{
    private const uint PagesOfSegment = 131072; // 1 GiB

    /// <summary>Whether it consists of pages, and the number of its first one.</summary>
    /// <param name="path">Below the data directory.</param>
    public static bool TryParse(string path, out uint firstBlock)
    {
        firstBlock = 0;
        if (Name().Match(path) is not { Success: true } match)
            return false;
        firstBlock = match.Groups["segment"] is { Success: true } segment ? uint.Parse(segment.ValueSpan, System.Globalization.CultureInfo.InvariantCulture) * PagesOfSegment : 0;
        return true;
    }

    [GeneratedRegex(@"^(global|base/[0-9]+|pg_tblspc/[0-9]+/PG_[^/]+/[0-9]+)/(t[0-9]+_)?[0-9]+(_(fsm|vm|init))?(\.(?<segment>[0-9]{1,5}))?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Name();
}

/// <summary>What <c>global/pg_control</c> says of a cluster.</summary>
/// <param name="HasChecksums">Null: this version of the file is not known.</param>
/// <param name="IsInsideBackup">Whether it was copied while it was written, and recovery has not yet come to the end of that.</param>
internal sealed record ControlFile(ulong SystemIdentifier, uint Version, bool? HasChecksums, int SegmentSize, ClusterLimits Limits, bool IsInsideBackup)
{
    public const string Path = "global/pg_control";

    private const int Length = 296;

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static ControlFile Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Length)
            throw new InvalidDataException($"{Path} is cut off");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        var isKnown = version is 1201 or 1300 or 1800; // PostgreSQL 12; 13 to 17; 18
        return new ControlFile(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            version,
            isKnown ? Number(bytes, 252) != 0 : null,
            isKnown ? Number(bytes, 228) : 16 << 20,
            isKnown ? new ClusterLimits(Number(bytes, 180), Number(bytes, 184), Number(bytes, 188), Number(bytes, 192), Number(bytes, 196)) : ClusterLimits.Standard,
            isKnown && BinaryPrimitives.ReadUInt64LittleEndian(bytes[152..]) != 0);
    }

    private static int Number(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
}

/// <summary>Settings of the server whose WAL is recovered that the recovering one may not be below.</summary>
internal sealed record ClusterLimits(int Connections, int Workers, int WalSenders, int PreparedTransactions, int LocksPerTransaction)
{
    public static ClusterLimits Standard { get; } = new(100, 8, 10, 100, 64);
}
