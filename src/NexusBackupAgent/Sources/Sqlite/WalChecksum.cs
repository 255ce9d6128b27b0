using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>The running checksum of a WAL (SQLite file format, §4.2): each frame's covers everything before it.</summary>
/// <param name="readsBigEndian">How the words are read; the file's first number says so.</param>
internal sealed class WalChecksum(bool readsBigEndian)
{
    private readonly bool swaps = readsBigEndian == BitConverter.IsLittleEndian;
    private uint first;
    private uint second;

    /// <summary>Bytes of a stored checksum.</summary>
    public const int Size = 8;

    /// <param name="bytes">A multiple of eight.</param>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        var (one, two) = (first, second);
        var words = MemoryMarshal.Cast<byte, uint>(bytes);
        for (var word = 0; word < words.Length; word += 2)
        {
            one += Read(words[word]) + two;
            two += Read(words[word + 1]) + one;
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

    private uint Read(uint word) => swaps ? BinaryPrimitives.ReverseEndianness(word) : word;
}
