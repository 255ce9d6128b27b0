using System.Runtime.CompilerServices;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace NexusBackupAgent.Artifacts.Zstd;

/// <summary>Zstandard (RFC 8878), by the library in C#: within a fifth of the system's own in time, and there on every machine.</summary>
internal sealed class ZstdEngine : FrameEngine
{
    /// <summary>Bytes that a file is read in.</summary>
    private const int BufferSize = 1 << 17;

    public static readonly ZstdEngine Instance = new();

    private ZstdEngine()
    {
    }

    public override string Name => "ZstdSharp";

    public override string Frame => "zstd frame";

    public override FrameCodec NewCodec() => new ZstdCodec();

    public override bool TryReadLength(ReadOnlySpan<byte> header, out int length) => ZstdFrame.TryReadLength(header, out length);

    public override async IAsyncEnumerable<Block> ExpandForeignAsync(ReadOnlyMemory<byte> head, Stream rest, BlockPool blocks, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!ZstdFrame.IsZstd(head.Span))
            throw new InvalidDataException("the file is not in zstd format");
        await using var content = new DecompressionStream(new SurroundedStream(head, rest, default), BufferSize, checkEndOfStream: true, leaveOpen: true);
        while (true)
        {
            var block = blocks.Rent();
            block.Length = await ReadAsync(content, block, cancellationToken);
            if (block.Length == 0)
                yield break;
            yield return block;
        }
    }

    private static async Task<int> ReadAsync(DecompressionStream content, Block block, CancellationToken cancellationToken)
    {
        try
        {
            return await content.ReadAtLeastAsync(block.Buffer.AsMemory(0, GzipMember.ContentSize), GzipMember.ContentSize, throwOnEndOfStream: false, cancellationToken);
        }
        catch (ZstdException damage)
        {
            throw ZstdCodec.Damage(damage);
        }
        catch (EndOfStreamException early)
        {
            throw new InvalidDataException("the zstd data ends too early", early);
        }
    }
}

/// <summary>One frame at a time, with a checksum of its content (XXH64) and its length.</summary>
internal sealed class ZstdCodec : FrameCodec
{
    private readonly Lazy<Compressor> compressor = new(NewCompressor);
    private readonly Lazy<Decompressor> decompressor = new();

    public override void Compress(ReadOnlySpan<byte> content, Block frame, int level)
    {
        if (compressor.Value.Level != level)
            compressor.Value.Level = level;
        frame.Length = ZstdFrame.HeaderSize + compressor.Value.Wrap(content, frame.Buffer.AsSpan(ZstdFrame.HeaderSize));
        ZstdFrame.WriteHeader(frame.Buffer.AsSpan(0, frame.Length));
    }

    public override void Expand(Block frame, Block content)
    {
        var data = frame.Bytes.Span[ZstdFrame.HeaderSize..];
        try
        {
            var claimed = Decompressor.GetDecompressedSize(data);
            if (claimed > GzipMember.ContentSize)
                throw new InvalidDataException($"a zstd frame claims {claimed} bytes of content");
            content.Length = decompressor.Value.Unwrap(data, content.Buffer.AsSpan(0, (int)claimed));
            if (content.Length != (int)claimed)
                throw new InvalidDataException($"a zstd frame holds {content.Length} bytes of content and claims {claimed}");
        }
        catch (ZstdException damage)
        {
            throw Damage(damage);
        }
    }

    public static InvalidDataException Damage(ZstdException found) => new($"the zstd data is damaged: {found.Message}", found);

    public override void Dispose()
    {
        if (compressor.IsValueCreated)
            compressor.Value.Dispose();
        if (decompressor.IsValueCreated)
            decompressor.Value.Dispose();
    }

    private static Compressor NewCompressor()
    {
        var made = new Compressor();
        made.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        return made;
    }
}
