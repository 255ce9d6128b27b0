using System.Buffers.Binary;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>What a page index begins with. All numbers are little-endian; behind it come the entries, and a SHA-256 of everything before.</summary>
/// <param name="PageSize">Bytes.</param>
/// <param name="PageCount">Pages of the state that the artifact holds, or makes of what it builds on.</param>
/// <param name="ContentSha256">Of the content of the artifact whose pages these are: an index of another one is recognised by it.</param>
internal sealed record PageIndexHeader(int PageSize, uint PageCount, string ContentSha256)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 52;

    /// <summary>Bytes of an entry: page number and hash.</summary>
    public const int EntrySize = sizeof(uint) + PageHash.Size;

    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "NBPAGES\n"u8;

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), (uint)PageSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(16), PageCount);
        Convert.FromHexString(ContentSha256).CopyTo(bytes, 20);
        return bytes;
    }

    /// <exception cref="InvalidDataException">It is no page index of a known version.</exception>
    public static PageIndexHeader Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Size || !bytes.StartsWith(Magic))
            throw new InvalidDataException("it is no page index");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is not Version and var version)
            throw new InvalidDataException($"it is of version {version}, and this agent reads version {Version}");
        return new PageIndexHeader(
            checked((int)BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..])),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]),
            Convert.ToHexStringLower(bytes[20..Size]));
    }
}
