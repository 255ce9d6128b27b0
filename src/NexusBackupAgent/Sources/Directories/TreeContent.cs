using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Sources.Directories;

/// <summary>Where a file has data; between, it has holes that read as zeros.</summary>
/// <param name="Segments">Ascending; one of no length at the end says how long the file is.</param>
internal sealed record SparseMap(IReadOnlyList<FileSegment> Segments)
{
    private const int Block = 512;
    private const int MostSegments = 100_000;
    private const int LargestHead = (MostSegments * 42) + Block;

    /// <summary>Bytes of data.</summary>
    public long Stored => Segments.Sum(segment => segment.Length);

    /// <returns>Null: it has no holes that are worth it.</returns>
    public static SparseMap? Of(SafeFileHandle file, long length)
    {
        const int WorthIt = 1 << 16;
        var segments = FileHoles.DataOf(file, length, MostSegments);
        return segments is not null && length - segments.Sum(segment => segment.Length) >= WorthIt ? new SparseMap([.. segments, new FileSegment(length, 0)]) : null;
    }

    /// <summary>As it stands before the data (GNU's sparse format 1.0).</summary>
    public byte[] ToHead()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Segments.Count}\n");
        foreach (var (offset, length) in Segments)
            text.Append(CultureInfo.InvariantCulture, $"{offset}\n{length}\n");
        var head = new byte[(text.Length + Block - 1) / Block * Block];
        Encoding.ASCII.GetBytes(text.ToString(), head);
        return head;
    }

    /// <exception cref="InvalidDataException">It is none, or leads beyond the file's end.</exception>
    public static async Task<SparseMap> ReadAsync(Stream stored, long size, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var block = new byte[Block];
        while (head.Length < LargestHead)
        {
            await stored.ReadExactlyAsync(block, cancellationToken);
            head.Append(Encoding.ASCII.GetString(block));
            if (Parse(head.ToString(), size) is { } map)
                return map;
        }

        throw Odd();
    }

    private static SparseMap? Parse(string head, long size)
    {
        var numbers = head.Split('\n');
        if (numbers.Length < 2)
            return null;
        var count = Number(numbers[0]);
        if (count is < 1 or > MostSegments + 1)
            throw Odd();
        if (numbers.Length < (2 * count) + 2)
            return null;
        var (segments, end) = (new List<FileSegment>((int)count), 0L);
        for (var at = 1; at <= 2 * count; at += 2)
        {
            var segment = new FileSegment(Number(numbers[at]), Number(numbers[at + 1]));
            if (segment.Offset < end || segment.Offset > size || segment.Length > size - segment.Offset)
                throw Odd();
            segments.Add(segment);
            end = segment.Offset + segment.Length;
        }

        return new SparseMap(segments);
    }

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Odd();

    private static InvalidDataException Odd() => new("the map of a file's holes can't be read");
}

/// <summary>Zeros to be hashed or handed out.</summary>
internal static class Zeros
{
    private static readonly byte[] Block = new byte[1 << 17];

    public static void Hash(IncrementalHash hash, long count)
    {
        for (; count > 0; count -= Block.Length)
            hash.AppendData(Block, 0, (int)Math.Min(count, Block.Length));
    }
}

/// <summary>
/// A file that is read from its beginning as long as it was when it was opened: what comes later is left out, and what was cut off
/// meanwhile reads as zeros. With a map only that and the data are read.
/// </summary>
internal sealed class FileContentStream(SafeFileHandle file, long length, SparseMap? map) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IReadOnlyList<FileSegment> segments = map?.Segments ?? [new FileSegment(0, length)];
    private readonly byte[] head = map?.ToHead() ?? [];
    private readonly long storedLength = map?.Stored ?? length;
    private long position;
    private int segment;
    private long inSegment;
    private long hashed;

    /// <summary>Of the whole content, holes included, once it was read.</summary>
    public string Sha256
    {
        get
        {
            Zeros.Hash(hash, length - hashed);
            hashed = length;
            return Convert.ToHexStringLower(hash.GetCurrentHash());
        }
    }

    public override bool CanRead => true;

    public override bool CanSeek => true; // its length is known

    public override bool CanWrite => false;

    public override long Length => head.Length + storedLength;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (position < head.Length)
        {
            var count = Math.Min(buffer.Length, head.Length - (int)position);
            head.AsMemory((int)position, count).CopyTo(buffer);
            position += count;
            return count;
        }

        while (segment < segments.Count && inSegment == segments[segment].Length)
            (segment, inSegment) = (segment + 1, 0);
        if (segment == segments.Count || buffer.Length == 0)
            return 0;
        var here = segments[segment];
        var wanted = buffer[..(int)Math.Min(buffer.Length, here.Length - inSegment)];
        var read = await TreeReadException.GuardAsync(() => RandomAccess.ReadAsync(file, wanted, here.Offset + inSegment, cancellationToken));
        if (read == 0)
        {
            wanted.Span.Clear();
            read = wanted.Length;
        }

        Zeros.Hash(hash, here.Offset + inSegment - hashed);
        hash.AppendData(wanted.Span[..read]);
        inSegment += read;
        hashed = here.Offset + inSegment;
        position += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("It is read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        hash.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>The content of a file with holes, as an archive has it.</summary>
/// <param name="stored">The map and the data.</param>
/// <param name="size">Bytes of the whole.</param>
internal sealed class SparseExpansion(Stream stored, long size) : ForwardReadStream
{
    private SparseMap? map;
    private int segment;
    private long position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        map ??= await SparseMap.ReadAsync(stored, size, cancellationToken);
        while (segment < map.Segments.Count && position == map.Segments[segment].Offset + map.Segments[segment].Length)
            segment++;
        var next = segment < map.Segments.Count ? map.Segments[segment] : new FileSegment(size, 0);
        if (position < next.Offset)
        {
            var zeros = buffer[..(int)Math.Min(buffer.Length, next.Offset - position)];
            zeros.Span.Clear();
            position += zeros.Length;
            return zeros.Length;
        }

        var data = buffer[..(int)Math.Min(buffer.Length, next.Offset + next.Length - position)];
        if (data.Length == 0)
            return 0;
        var read = await stored.ReadAsync(data, cancellationToken);
        if (read == 0)
            throw new InvalidDataException("the data of a file with holes ends early");
        position += read;
        return read;
    }
}

/// <summary>Hashes what is read from another stream.</summary>
internal sealed class HashedStream(Stream inner, IncrementalHash hash) : ForwardReadStream
{
    public long BytesRead { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        hash.AppendData(buffer.Span[..read]);
        BytesRead += read;
        return read;
    }
}

/// <summary>Writes a file so that what is zeros becomes holes.</summary>
internal static class SparseFile
{
    private const int Block = 1 << 16;

    public static async Task WriteAsync(SafeFileHandle file, Stream content, CancellationToken cancellationToken)
    {
        var buffer = new byte[Block];
        var position = 0L;
        while (await content.ReadAtLeastAsync(buffer, Block, throwOnEndOfStream: false, cancellationToken) is > 0 and var read)
        {
            if (buffer.AsSpan(0, read).ContainsAnyExcept((byte)0))
                await RandomAccess.WriteAsync(file, buffer.AsMemory(0, read), position, cancellationToken);
            position += read;
        }

        RandomAccess.SetLength(file, position);
    }
}
