using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Artifacts.Zstd;

namespace NexusBackupAgent.Artifacts;

/// <summary>
/// Compresses and expands artifacts of one encoding. An artifact is a row of frames (gzip calls them members) that stand each for
/// itself and say their length, so that all cores write and read it while the encoding's own tool reads it as any other file.
/// </summary>
internal abstract class FrameEngine
{
    /// <summary>Bytes of content in every frame but the last.</summary>
    public const int BlockSize = 1 << 20;

    /// <summary>For people.</summary>
    public abstract string Name { get; }

    /// <summary>What compresses, and what to do for a faster one.</summary>
    public virtual string Description => Name;

    /// <summary>What the encoding calls a frame, with its own name: <c>gzip member</c>.</summary>
    public abstract string Frame { get; }

    /// <summary>Makes one for a thread.</summary>
    public abstract FrameCodec NewCodec();

    /// <summary>Reads a frame's whole length from its first <see cref="ArtifactEncodings.HeaderSize"/> bytes.</summary>
    /// <returns>False when this is not a frame that this agent wrote.</returns>
    public abstract bool TryReadLength(ReadOnlySpan<byte> header, out int length);

    /// <summary>The content of what other programs wrote, expanded on one core.</summary>
    /// <param name="head">What was already read.</param>
    /// <exception cref="InvalidDataException">It is damaged, cut off, or not of this encoding.</exception>
    public abstract IAsyncEnumerable<Block> ExpandForeignAsync(ReadOnlyMemory<byte> head, Stream rest, BlockPool blocks, CancellationToken cancellationToken);

    /// <summary>The one that is used for an encoding that has frames.</summary>
    public static FrameEngine Of(ArtifactEncoding encoding) => encoding switch
    {
        ArtifactEncoding.Gzip => GzipEngine.Fastest,
        ArtifactEncoding.Zstd => ZstdEngine.Instance,
        _ => throw new ArgumentOutOfRangeException(nameof(encoding), encoding, "has no frames"),
    };
}

/// <summary>Compresses and expands one frame at a time; each thread has its own.</summary>
internal abstract class FrameCodec : IDisposable
{
    /// <summary>Compresses into <paramref name="frame"/>, replacing what it holds.</summary>
    /// <param name="content">At most <see cref="FrameEngine.BlockSize"/> bytes.</param>
    /// <param name="level">As the encoding's own tool counts.</param>
    public abstract void Compress(ReadOnlySpan<byte> content, Block frame, int level);

    /// <summary>Expands into <paramref name="content"/>, replacing what it holds.</summary>
    /// <param name="frame">A whole frame that this agent wrote.</param>
    /// <exception cref="InvalidDataException">The frame is damaged.</exception>
    public abstract void Expand(Block frame, Block content);

    public abstract void Dispose();
}
