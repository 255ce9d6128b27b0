using System.Buffers.Binary;

namespace NexusBackupAgent.Artifacts.Zstd;

/// <summary>
/// One Zstandard frame of an artifact. Before it stands a skippable frame (RFC 8878 §3.1.2), which every reader passes over: it says
/// that this agent wrote the file, and how long both are together, so that a reader finds the next one without expanding.
/// </summary>
internal static class ZstdFrame
{
    /// <summary>Bytes of the skippable frame: magic number, length, <c>NB</c>, two zeros, and the length of both (four bytes, little-endian).</summary>
    public const int HeaderSize = 16;

    private const uint Magic = 0xFD2FB528;
    private const uint SkippableMagic = 0x184D2A50; // to …5F

    /// <summary>Whether a file that begins so may be Zstandard's.</summary>
    public static bool IsZstd(ReadOnlySpan<byte> header) =>
        BinaryPrimitives.TryReadUInt32LittleEndian(header, out var magic) && (magic == Magic || (magic & ~0xfu) == SkippableMagic);

    /// <summary>Whether a file that begins so was written by this agent.</summary>
    public static bool IsOurs(ReadOnlySpan<byte> header) => header.Length >= HeaderSize && header.StartsWith(Start);

    /// <summary>Reads the whole length from the first <see cref="HeaderSize"/> bytes.</summary>
    /// <returns>False when this is not a frame that this agent wrote.</returns>
    public static bool TryReadLength(ReadOnlySpan<byte> header, out int length)
    {
        length = 0;
        if (!IsOurs(header) || BinaryPrimitives.ReadUInt32LittleEndian(header[Start.Length..]) is var value && value is < ArtifactEncodings.HeaderSize or > GzipMember.MaximumSize)
            return false;
        length = (int)value;
        return true;
    }

    /// <param name="frame">The whole frame; its data is in place behind its first <see cref="HeaderSize"/> bytes.</param>
    public static void WriteHeader(Span<byte> frame)
    {
        Start.CopyTo(frame);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[Start.Length..], (uint)frame.Length);
    }

    private static ReadOnlySpan<byte> Start => [0x5b, 0x2a, 0x4d, 0x18, 8, 0, 0, 0, (byte)'N', (byte)'B', 0, 0];
}
