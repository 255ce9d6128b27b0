using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>
/// One hash for a state of a tree: of all that a restore gives of each entry (<see cref="TreeEntry.IsSameAs"/>), in their order, and
/// their number. Each field has its length before it, so that two states never give the same bytes.
/// </summary>
internal sealed class TreeFingerprint : IDisposable
{
    private const int Block = 1 << 15;

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly ArrayBufferWriter<byte> pending = new(2 * Block);
    private long count;

    /// <param name="entry">The one behind the entry before.</param>
    public void Add(TreeEntry entry)
    {
        const int numbers = (4 * sizeof(int)) + (2 * sizeof(long));
        var span = pending.GetSpan(numbers);
        BinaryPrimitives.WriteInt32LittleEndian(span, (int)entry.Type);
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], entry.Mode);
        BinaryPrimitives.WriteUInt32LittleEndian(span[8..], entry.User);
        BinaryPrimitives.WriteUInt32LittleEndian(span[12..], entry.Group);
        BinaryPrimitives.WriteInt64LittleEndian(span[16..], entry.Modified);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], entry.Size);
        pending.Advance(numbers);
        Add(entry.Path);
        Add(entry.Sha256);
        Add(entry.Target);
        Add(entry.Attributes?.Count ?? 0);
        if (entry.Attributes is not null)
        {
            foreach (var (name, value) in entry.Attributes.OrderBy(attribute => attribute.Key, StringComparer.Ordinal))
            {
                Add(name);
                Add(value);
            }
        }

        count++;
        if (pending.WrittenCount >= Block)
            Flush();
    }

    /// <returns>In hexadecimal.</returns>
    public string Complete()
    {
        Flush();
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, count);
        hash.AppendData(number);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose() => hash.Dispose();

    private void Add(string? text)
    {
        const int none = -1;
        if (text is null)
        {
            Add(none);
            return;
        }

        var span = pending.GetSpan(sizeof(int) + Encoding.UTF8.GetMaxByteCount(text.Length));
        var length = Encoding.UTF8.GetBytes(text, span[sizeof(int)..]);
        BinaryPrimitives.WriteInt32LittleEndian(span, length);
        pending.Advance(sizeof(int) + length);
    }

    private void Add(int number)
    {
        BinaryPrimitives.WriteInt32LittleEndian(pending.GetSpan(sizeof(int)), number);
        pending.Advance(sizeof(int));
    }

    private void Flush()
    {
        hash.AppendData(pending.WrittenSpan);
        pending.ResetWrittenCount();
    }
}
