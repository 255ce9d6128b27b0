using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NexusBackupAgent.Sources.Sqlite.Pages;

/// <summary>
/// What a page is recognised by: the first half of its SHA-256. It is long enough that no two pages ever share it, also not
/// if somebody who may write the database tries.
/// </summary>
/// <param name="Value">16 bytes, read as a little-endian number.</param>
internal readonly record struct PageHash(UInt128 Value)
{
    /// <summary>Bytes.</summary>
    public const int Size = 16;

    public static PageHash Of(ReadOnlySpan<byte> page)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(page, hash);
        return Read(hash);
    }

    public static PageHash Read(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128LittleEndian(bytes));

    public void Write(Span<byte> bytes) => BinaryPrimitives.WriteUInt128LittleEndian(bytes, Value);
}
