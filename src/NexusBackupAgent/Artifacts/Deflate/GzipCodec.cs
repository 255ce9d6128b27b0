using System.IO.Compression;
using System.Runtime.CompilerServices;

namespace NexusBackupAgent.Artifacts.Deflate;

/// <summary>Compresses and inflates one member at a time; each thread has its own.</summary>
internal abstract class GzipCodec : FrameCodec
{
    /// <param name="level">As gzip counts: 1 (fast) to 9 (small).</param>
    public sealed override void Compress(ReadOnlySpan<byte> content, Block member, int level)
    {
        if (content.IsEmpty)
        {
            GzipMember.WriteNothing(member);
            return;
        }

        // The compressor's own header lands where ours ends, and is then overwritten: nothing is moved.
        const int Offset = GzipMember.HeaderSize - GzipMember.PlainHeaderSize;
        member.Length = Offset + CompressPlain(content, member.Buffer, Offset, level);
        GzipMember.WriteHeader(member.Buffer.AsSpan(0, member.Length));
    }

    public sealed override void Expand(Block member, Block content)
    {
        content.Length = GzipMember.ReadContentLength(member.Bytes.Span);
        InflateInto(member, content);
    }

    /// <summary>Writes a plain member: ten bytes of header, data, trailer.</summary>
    /// <returns>Its length.</returns>
    protected abstract int CompressPlain(ReadOnlySpan<byte> content, byte[] target, int offset, int level);

    /// <summary>Fills <paramref name="content"/>, whose length is what the member claims.</summary>
    /// <exception cref="InvalidDataException">The member is damaged, or holds more or less than it claims.</exception>
    protected abstract void InflateInto(Block member, Block content);
}

/// <summary>What compresses and inflates members. All make and read the same format.</summary>
internal sealed class GzipEngine(string name, Func<GzipCodec> newCodec) : FrameEngine
{
    private static readonly GzipEngine Zlib = new(".NET's zlib", () => new ZlibCodec());

    private static readonly Lazy<IReadOnlyList<GzipEngine>> Here = new(() => Libdeflate.Installed is { } library
        ? [new GzipEngine("libdeflate", () => new LibdeflateCodec(library)), Zlib]
        : [Zlib]);

    /// <summary>Those that this machine has, the fastest first.</summary>
    public static IReadOnlyList<GzipEngine> Available => Here.Value;

    /// <summary>The one that is used.</summary>
    public static GzipEngine Fastest => Available[0];

    public override string Description => this == Zlib ? $"{Name}; about twice as fast with libdeflate installed (apt-get install libdeflate0)" : Name;

    public override string Name => name;

    public override string Frame => "gzip member";

    public override FrameCodec NewCodec() => newCodec();

    public override bool TryReadLength(ReadOnlySpan<byte> header, out int length) => GzipMember.TryReadLength(header, out length);

    public override async IAsyncEnumerable<Block> ExpandForeignAsync(ReadOnlyMemory<byte> head, Stream rest, BlockPool blocks, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (head.Length < 4 || head.Span[0] != 0x1f || head.Span[1] != 0x8b)
            throw new InvalidDataException("the file is not in gzip format");

        using var gzip = new GZipStream(new SurroundedStream(head, rest, GzipSentinel.Member), CompressionMode.Decompress, leaveOpen: true);
        var block = GC.AllocateUninitializedArray<byte>(FrameEngine.BlockSize);
        var held = 0; // what may be the sentinel is held back until more follows
        while (true)
        {
            var read = await gzip.ReadAtLeastAsync(block.AsMemory(held), block.Length - held, throwOnEndOfStream: false, cancellationToken);
            var filled = held + read;
            var isLast = filled < block.Length;
            if (isLast)
                GzipSentinel.Require(block.AsSpan(0, filled));

            held = GzipSentinel.Content.Length;
            var inflated = blocks.Rent();
            inflated.Length = filled - held;
            block.AsSpan(0, inflated.Length).CopyTo(inflated.Buffer);
            yield return inflated;
            if (isLast)
                yield break;
            block.AsSpan(filled - held).CopyTo(block);
        }
    }
}
