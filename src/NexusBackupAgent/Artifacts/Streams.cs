using System.Security.Cryptography;

namespace NexusBackupAgent.Artifacts;

/// <summary>A stream that is only ever read asynchronously from its beginning to its end.</summary>
internal abstract class ForwardReadStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Artifacts are read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>A stream that is only ever written from its beginning to its end.</summary>
internal abstract class ForwardWriteStream : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public abstract override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Content is written asynchronously.");

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>Reads through to another stream and keeps the SHA-256 of every byte that passed.</summary>
internal sealed class HashingStream(Stream inner, IProgress<long>? progress = null) : ForwardReadStream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long length;

    /// <summary>The digest of what was read so far.</summary>
    public ArtifactDigest Digest => new(length, Convert.ToHexStringLower(hash.GetCurrentHash()));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        hash.AppendData(buffer.Span[..read]);
        length += read;
        progress?.Report(length);
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            hash.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>The write-only end that a capture sees: gathers bytes into blocks and hands each full block on.</summary>
internal sealed class ContentStream(int blockSize, Func<byte[]> rent, Func<byte[], int, CancellationToken, ValueTask> onBlock) : ForwardWriteStream
{
    private byte[] block = rent();
    private int filled;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var count = Math.Min(buffer.Length, blockSize - filled);
            buffer[..count].CopyTo(block.AsMemory(filled));
            filled += count;
            buffer = buffer[count..];
            if (filled == blockSize)
                await HandOnAsync(cancellationToken);
        }
    }

    /// <summary>Hands on what is left; called once, after the last write.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        if (filled > 0)
            await HandOnAsync(cancellationToken);
    }

    private async ValueTask HandOnAsync(CancellationToken cancellationToken)
    {
        await onBlock(block, filled, cancellationToken);
        block = rent();
        filled = 0;
    }
}
