using System.Collections;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace NexusBackupAgent.Sources.S3;

/// <summary>
/// Many things in little memory: as JSON, compressed in blocks, of which one is unpacked at a time. It is fast for who reads them
/// in their order. Several threads may add and read at once.
/// </summary>
internal sealed class PackedList<T>(JsonTypeInfo<T> type) : IReadOnlyList<T>
{
    private const int OfBlock = 256;

    private readonly Lock gate = new();
    private readonly List<byte[]> blocks = [];
    private readonly List<T> open = [];
    private (int Block, T[] Items)? last;

    public PackedList(JsonTypeInfo<T> type, IEnumerable<T> items)
        : this(type)
    {
        foreach (var item in items)
            Add(item);
    }

    public int Count
    {
        get
        {
            lock (gate)
                return (blocks.Count * OfBlock) + open.Count;
        }
    }

    public T this[int index]
    {
        get
        {
            lock (gate)
            {
                var block = index / OfBlock;
                if (block == blocks.Count)
                    return open[index % OfBlock];
                if (last is not { } unpacked || unpacked.Block != block)
                    last = unpacked = (block, Unpack(blocks[block]));
                return unpacked.Items[index % OfBlock];
            }
        }
    }

    public void Add(T item)
    {
        lock (gate)
        {
            open.Add(item);
            if (open.Count < OfBlock)
                return;
            blocks.Add(Pack());
            open.Clear();
        }
    }

    public IEnumerator<T> GetEnumerator()
    {
        for (var block = 0; ; block++)
        {
            T[] items;
            bool isLast;
            lock (gate)
                (isLast, items) = block < blocks.Count ? (false, Unpack(blocks[block])) : (true, [.. open]);
            foreach (var item in items)
                yield return item;
            if (isLast)
                yield break;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private byte[] Pack()
    {
        using var packed = new MemoryStream();
        using (var deflating = new DeflateStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (var json = new Utf8JsonWriter(deflating))
        {
            json.WriteStartArray();
            foreach (var item in open)
                JsonSerializer.Serialize(json, item, type);
            json.WriteEndArray();
        }

        return packed.ToArray();
    }

    private T[] Unpack(byte[] block)
    {
        using var inflating = new DeflateStream(new MemoryStream(block), CompressionMode.Decompress);
        using var text = new MemoryStream();
        inflating.CopyTo(text);
        var json = new Utf8JsonReader(text.GetBuffer().AsSpan(0, (int)text.Length));
        json.Read(); // the array begins
        var items = new T[OfBlock];
        foreach (ref var item in items.AsSpan())
        {
            json.Read();
            item = JsonSerializer.Deserialize(ref json, type)!;
        }

        return items;
    }
}

/// <summary>Finds things of a list by a text, with some bytes for each of them, and knows which ones were taken.</summary>
/// <remarks>For one thread at a time, but for <see cref="Find"/>.</remarks>
internal sealed class PackedIndex<T>
    where T : class
{
    private readonly IReadOnlyList<T> list;
    private readonly Func<T, string> text;
    private readonly List<Entry> entries;
    private readonly int[] buckets;

    /// <param name="text">By which a thing is found. Of those that have the same only the first counts.</param>
    /// <param name="where">Which ones count; null: all.</param>
    public PackedIndex(IReadOnlyList<T> list, Func<T, string> text, Func<T, bool>? where = null)
    {
        (this.list, this.text, entries, buckets) = (list, text, new List<Entry>(list.Count), new int[list.Count + 1]);
        foreach (var (position, item) in list.Index())
        {
            if (where?.Invoke(item) == false)
                continue;
            var own = text(item);
            if (EntryOf(own, isTaken: null) >= 0)
                continue;
            var hash = HashOf(own);
            ref var bucket = ref BucketOf(hash);
            entries.Add(new Entry(hash, position, bucket));
            bucket = entries.Count;
            Left++;
        }
    }

    /// <summary>How many were not taken.</summary>
    public int Left { get; private set; }

    /// <returns>Null when there is none.</returns>
    public T? Find(string wanted) => EntryOf(wanted, isTaken: null) is >= 0 and var entry ? list[entries[entry].Position] : null;

    /// <summary>Finds one that was not taken yet, and takes it.</summary>
    /// <returns>Null when there is none.</returns>
    public T? Take(string wanted)
    {
        if (EntryOf(wanted, isTaken: false) is not (>= 0 and var entry))
            return null;
        ref var taken = ref CollectionsMarshal.AsSpan(entries)[entry];
        taken = taken with { IsTaken = true };
        Left--;
        return list[taken.Position];
    }

    /// <summary>What was not taken, in its order.</summary>
    public IEnumerable<T> Rest() => entries.Where(entry => !entry.IsTaken).Select(entry => list[entry.Position]);

    /// <param name="isTaken">Null: whether or not.</param>
    private int EntryOf(string wanted, bool? isTaken)
    {
        var hash = HashOf(wanted);
        for (var next = BucketOf(hash); next > 0; next = entries[next - 1].Next)
        {
            var entry = entries[next - 1];
            if (entry.Hash == hash && (isTaken ?? entry.IsTaken) == entry.IsTaken && text(list[entry.Position]) == wanted)
                return next - 1;
        }

        return -1;
    }

    private ref int BucketOf(int hash) => ref buckets[(uint)hash % (uint)buckets.Length];

    private static int HashOf(string text) => string.GetHashCode(text, StringComparison.Ordinal);

    /// <param name="Next">The one of the same bucket, from 1; 0: no more.</param>
    private readonly record struct Entry(int Hash, int Position, int Next, bool IsTaken = false);
}
