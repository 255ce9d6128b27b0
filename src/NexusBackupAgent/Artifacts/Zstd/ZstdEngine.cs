using System.Runtime.CompilerServices;
using NexusBackupAgent.Common;
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

    public override string Description => $"{Name} (zstd)";

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
            return await content.ReadAtLeastAsync(block.Buffer.AsMemory(0, FrameEngine.BlockSize), FrameEngine.BlockSize, throwOnEndOfStream: false, cancellationToken);
        }
        catch (ZstdException found)
        {
            throw ZstdCodec.Failure(found, isForeign: true);
        }
        catch (OutOfMemoryException none)
        {
            throw ZstdCodec.TooLarge(none);
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
            if (claimed > FrameEngine.BlockSize)
                throw new InvalidDataException($"a zstd frame claims {claimed} bytes of content");
            content.Length = decompressor.Value.Unwrap(data, content.Buffer.AsSpan(0, (int)claimed));
            if (content.Length != (int)claimed)
                throw new InvalidDataException($"a zstd frame holds {content.Length} bytes of content and claims {claimed}");
        }
        catch (ZstdException found)
        {
            throw Failure(found, isForeign: false);
        }
    }

    /// <summary>A window of another program's choice, or a machine without memory, is no damage. Our own frames need no window.</summary>
    public static Exception Failure(ZstdException found, bool isForeign) => found.Code switch
    {
        ZSTD_ErrorCode.ZSTD_error_memory_allocation => TooLarge(found),
        ZSTD_ErrorCode.ZSTD_error_frameParameter_windowTooLarge when isForeign => TooLarge(found),
        _ => new InvalidDataException($"the zstd data is damaged: {found.Message}", found),
    };

    public static BackupException TooLarge(Exception found) => new(
        FailureKind.Io,
        "to expand it takes more memory than there is for it: it was compressed with a window of more than 128 MiB (zstd --long=28 and more), or this machine has no memory left",
        "if the memory suffices, compress it anew and write the .sha256 anew: zstd -dc --long=31 FILE | zstd > NEW",
        found);

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
