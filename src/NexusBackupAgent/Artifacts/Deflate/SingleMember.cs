using System.Buffers.Binary;
using System.IO.Compression;

namespace NexusBackupAgent.Artifacts.Deflate;

/// <summary>
/// A file of one gzip member, compressed in blocks on all cores: each block ends on a byte (zlib's sync flush, RFC 1951 §3.2.4),
/// so that the blocks need only be put behind each other, and the CRC-32 of all is computed from theirs.
/// </summary>
internal sealed class SingleMember
{
    private const int TrailerSize = 8;

    private uint crc;
    private long length;

    public static byte[] Header { get; } = GzipMember.HeaderWithoutLength();

    /// <summary>Compresses one block into <paramref name="part"/>: its data and, behind, the CRC-32 and the length of its content.</summary>
    /// <param name="content">At most <see cref="FrameEngine.BlockSize"/> bytes.</param>
    /// <param name="level">1 to 9.</param>
    public static void Compress(ReadOnlySpan<byte> content, Block part, int level)
    {
        using var target = new MemoryStream(part.Buffer);
        int end;
        using (var gzip = new GZipStream(target, new ZLibCompressionOptions { CompressionLevel = level }, leaveOpen: true))
        {
            gzip.Write(content);
            gzip.Flush();
            end = checked((int)target.Position);
        }

        if (content.IsEmpty)
        {
            part.Buffer.AsSpan(0, TrailerSize).Clear();
            part.Length = TrailerSize;
            return;
        }

        // The stream's own header goes; its trailer moves up to where the block's data ends.
        part.Buffer.AsSpan(checked((int)target.Position) - TrailerSize, TrailerSize).CopyTo(part.Buffer.AsSpan(end));
        part.Buffer.AsSpan(GzipMember.PlainHeaderSize..(end + TrailerSize)).CopyTo(part.Buffer);
        part.Length = end + TrailerSize - GzipMember.PlainHeaderSize;
    }

    /// <summary>Takes the next block into account.</summary>
    /// <returns>What of it belongs into the file.</returns>
    public ReadOnlyMemory<byte> Add(Block part)
    {
        var trailer = part.Bytes.Span[^TrailerSize..];
        var content = BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]);
        crc = Crc32.Append(crc, BinaryPrimitives.ReadUInt32LittleEndian(trailer), content);
        length += content;
        return part.Bytes[..^TrailerSize];
    }

    /// <summary>What ends the file: an empty last block, the CRC-32, and the length modulo 2^32.</summary>
    public byte[] Trailer()
    {
        var trailer = new byte[2 + TrailerSize];
        trailer[0] = 3; // RFC 1951 §3.2.6: a final block with fixed codes that holds only its end
        BinaryPrimitives.WriteUInt32LittleEndian(trailer.AsSpan(2), crc);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer.AsSpan(6), unchecked((uint)length));
        return trailer;
    }
}

/// <summary>The CRC-32 of RFC 1952 as a polynomial over GF(2), the highest power in the lowest bit.</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private const uint One = 0x80000000;

    /// <summary>x to the power of 8 · 2^k: what shifts a checksum by 2^k bytes.</summary>
    private static readonly uint[] Shifts = MakeShifts();

    /// <summary>The checksum of two texts behind each other.</summary>
    /// <param name="length">Bytes of the second one.</param>
    public static uint Append(uint first, uint second, long length)
    {
        for (var power = 0; length >> power != 0; power++)
        {
            if ((length >> power & 1) != 0)
                first = Multiply(first, Shifts[power]);
        }

        return first ^ second;
    }

    private static uint[] MakeShifts()
    {
        var shifts = new uint[63];
        shifts[0] = One >> 8;
        for (var power = 1; power < shifts.Length; power++)
            shifts[power] = Multiply(shifts[power - 1], shifts[power - 1]);
        return shifts;
    }

    private static uint Multiply(uint left, uint right)
    {
        var product = 0u;
        for (var bit = One; bit != 0; bit >>= 1)
        {
            if ((left & bit) != 0)
                product ^= right;
            right = (right & 1) != 0 ? right >> 1 ^ Polynomial : right >> 1; // times x
        }

        return product;
    }
}
