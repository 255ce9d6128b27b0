using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>
/// The running checksum of a WAL (SQLite file format, §4.2): each frame's covers everything before it. Of the two kinds
/// that SQLite knows, the one that reads little-endian words.
/// </summary>
internal sealed class WalChecksum
{
    /// <summary>Bytes of a stored checksum.</summary>
    public const int Size = 8;

    private uint first;
    private uint second;

    /// <param name="bytes">A multiple of eight.</param>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        var (one, two) = (first, second);
        var words = MemoryMarshal.Cast<byte, uint>(bytes);
        for (var word = 0; word < words.Length; word += 2)
        {
            one += LittleEndian(words[word]) + two;
            two += LittleEndian(words[word + 1]) + one;
        }

        (first, second) = (one, two);
    }

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, first);
        BinaryPrimitives.WriteUInt32BigEndian(target[sizeof(uint)..], second);
    }

    public bool Matches(ReadOnlySpan<byte> stored) =>
        BinaryPrimitives.ReadUInt32BigEndian(stored) == first && BinaryPrimitives.ReadUInt32BigEndian(stored[sizeof(uint)..]) == second;

    private static uint LittleEndian(uint word) => BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word);
}
