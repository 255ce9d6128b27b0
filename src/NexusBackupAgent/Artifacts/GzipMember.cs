using System.Buffers.Binary;
using System.IO.Compression;

namespace NexusBackupAgent.Artifacts;

/// <summary>
/// One gzip member (RFC 1952) of an artifact. An artifact is a row of independent members, so that all cores can
/// compress and inflate it while <c>gunzip</c> reads it as any other file. Each member says its own length in an
/// extra field (subfield <c>NB</c>, four bytes, little-endian), so that a reader finds the next member without inflating.
/// </summary>
internal static class GzipMember
{
    /// <summary>Bytes of content in every member but the last.</summary>
    public const int ContentSize = 1 << 20;

    /// <summary>Bytes of the header that this agent writes.</summary>
    public const int HeaderSize = 20;

    /// <summary>The longest member a reader accepts: what an incompressible block can grow to, with room.</summary>
    public const int MaximumSize = ContentSize + ContentSize / 8;

    // RFC 1952 §2.3: ten bytes, of which flag and operating system are ours, come from the compressor.
    private const int PlainHeaderSize = 10;

    /// <summary>Compresses <paramref name="content"/> into <paramref name="member"/>, replacing what it holds.</summary>
    /// <param name="level">zlib's level, 1 (fast) to 9 (small).</param>
    public static void Compress(ReadOnlySpan<byte> content, MemoryStream member, int level)
    {
        if (content.IsEmpty)
        {
            CompressNothing(member);
            return;
        }

        // The compressor's own header lands where ours ends, and is then overwritten: nothing is moved.
        member.SetLength(HeaderSize - PlainHeaderSize);
        member.Position = HeaderSize - PlainHeaderSize;
        using (var gzip = new GZipStream(member, new ZLibCompressionOptions { CompressionLevel = level }, leaveOpen: true))
            gzip.Write(content);

        WriteHeader(member.GetBuffer(), checked((int)member.Length));
    }

    /// <summary>Reads the member's whole length from its first <see cref="HeaderSize"/> bytes.</summary>
    /// <returns>False when this is not a member that this agent wrote.</returns>
    public static bool TryReadLength(ReadOnlySpan<byte> header, out int length)
    {
        length = 0;
        if (header.Length < HeaderSize || !header[..4].SequenceEqual(Magic) || !header[10..16].SequenceEqual(Extra))
            return false;

        var value = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        if (value is < HeaderSize or > MaximumSize)
            return false;

        length = (int)value;
        return true;
    }

    /// <summary>
    /// Inflates the member in the first <paramref name="length"/> bytes into <paramref name="content"/>, replacing what it holds.
    /// </summary>
    /// <param name="member">With room for a <see cref="GzipSentinel"/> behind the member.</param>
    /// <exception cref="InvalidDataException">The member is damaged.</exception>
    public static void Inflate(byte[] member, int length, MemoryStream content)
    {
        var expected = BinaryPrimitives.ReadUInt32LittleEndian(member.AsSpan(length - sizeof(uint)));
        if (expected > ContentSize)
            throw new InvalidDataException($"a gzip member claims {expected} bytes of content");

        GzipSentinel.Member.CopyTo(member.AsMemory(length));
        content.SetLength(expected + GzipSentinel.Content.Length);
        var inflated = content.GetBuffer().AsSpan(0, (int)content.Length);
        using var source = new MemoryStream(member, 0, length + GzipSentinel.Member.Length, writable: false);
        using var gzip = new GZipStream(source, CompressionMode.Decompress);
        var read = gzip.ReadAtLeast(inflated, inflated.Length, throwOnEndOfStream: false);
        GzipSentinel.Require(inflated[..read]);
        if (read < inflated.Length)
            throw new InvalidDataException($"a gzip member holds {read - GzipSentinel.Content.Length} bytes of content and claims {expected}");
        content.SetLength(expected);
    }

    private static ReadOnlySpan<byte> Magic => [0x1f, 0x8b, 8, 4];

    // Extra field of 8 bytes: subfield "NB" of 4 bytes.
    private static ReadOnlySpan<byte> Extra => [8, 0, (byte)'N', (byte)'B', 4, 0];

    /// <summary>Of no content the compressor makes no member at all.</summary>
    private static void CompressNothing(MemoryStream member)
    {
        member.SetLength(HeaderSize);
        member.Position = HeaderSize;
        member.Write([3, 0]); // RFC 1951 §3.2.6: one final block that holds only its end
        member.Write(stackalloc byte[8]); // CRC-32 and length of nothing
        WriteHeader(member.GetBuffer(), checked((int)member.Length));
    }

    private static void WriteHeader(Span<byte> member, int length)
    {
        Magic.CopyTo(member);
        member[4..9].Clear(); // no time: the same content always gives the same artifact
        member[9] = 3; // Unix
        Extra.CopyTo(member[10..]);
        BinaryPrimitives.WriteUInt32LittleEndian(member[16..], (uint)length);
    }
}
