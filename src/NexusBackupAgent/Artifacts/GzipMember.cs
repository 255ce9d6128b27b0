using System.Buffers.Binary;

namespace NexusBackupAgent.Artifacts;

/// <summary>
/// One gzip member (RFC 1952) of an artifact. An artifact is a row of independent members, so that all cores can
/// compress and inflate it while <c>gunzip</c> reads it as any other file. Each member says its own length in an
/// extra field (subfield <c>NB</c>, four bytes, little-endian), so that a reader finds the next member without inflating.
/// </summary>
internal static class GzipMember
{
    /// <summary>Bytes of the header that this agent writes.</summary>
    public const int HeaderSize = 20;

    /// <summary>Bytes of a header without an extra field, as compressors write it (RFC 1952 §2.3).</summary>
    public const int PlainHeaderSize = 10;

    /// <summary>The longest member a reader accepts: what an incompressible block can grow to, with room.</summary>
    public const int MaximumSize = FrameEngine.BlockSize + FrameEngine.BlockSize / 8;

    /// <summary>Whether a file that begins so was written by this agent.</summary>
    public static bool IsOurs(ReadOnlySpan<byte> header) =>
        header.Length >= HeaderSize && header[..4].SequenceEqual(Magic) && header[10..16].SequenceEqual(Extra);

    /// <summary>Reads the member's whole length from its first <see cref="HeaderSize"/> bytes.</summary>
    /// <returns>False when this is not a member that this agent wrote.</returns>
    public static bool TryReadLength(ReadOnlySpan<byte> header, out int length)
    {
        length = 0;
        if (!IsOurs(header))
            return false;

        var value = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        if (value is < HeaderSize or > MaximumSize)
            return false;

        length = (int)value;
        return true;
    }

    /// <summary>How much content the member claims to hold, in bytes.</summary>
    /// <exception cref="InvalidDataException">More than any member of this agent.</exception>
    public static int ReadContentLength(ReadOnlySpan<byte> member)
    {
        var claimed = BinaryPrimitives.ReadUInt32LittleEndian(member[^sizeof(uint)..]);
        return claimed <= FrameEngine.BlockSize ? (int)claimed : throw new InvalidDataException($"a gzip member claims {claimed} bytes of content");
    }

    /// <summary>Puts this agent's header before what a compressor made, over the plain one that is there.</summary>
    /// <param name="member">The whole member; data and trailer are in place behind its first <see cref="HeaderSize"/> bytes.</param>
    public static void WriteHeader(Span<byte> member)
    {
        Magic.CopyTo(member);
        member[4..9].Clear(); // no time: the same content always gives the same artifact
        member[9] = 3; // Unix
        Extra.CopyTo(member[10..]);
        BinaryPrimitives.WriteUInt32LittleEndian(member[16..], (uint)member.Length);
    }

    /// <summary>The header of a member whose length is not known beforehand.</summary>
    public static byte[] HeaderWithoutLength()
    {
        var header = new byte[HeaderSize];
        WriteHeader(header);
        header.AsSpan(16).Clear();
        return header;
    }

    /// <summary>A member of no content, of which some compressors make none at all.</summary>
    public static void WriteNothing(Block member)
    {
        member.Length = HeaderSize + 10;
        var bytes = member.Buffer.AsSpan(0, member.Length);
        bytes.Clear(); // CRC-32 and length of nothing
        bytes[HeaderSize] = 3; // RFC 1951 §3.2.6: one final block that holds only its end
        WriteHeader(bytes);
    }

    private static ReadOnlySpan<byte> Magic => [0x1f, 0x8b, 8, 4];

    // Extra field of 8 bytes: subfield "NB" of 4 bytes.
    private static ReadOnlySpan<byte> Extra => [8, 0, (byte)'N', (byte)'B', 4, 0];
}
