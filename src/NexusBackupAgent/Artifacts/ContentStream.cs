namespace NexusBackupAgent.Artifacts;

/// <summary>The write-only end that a capture sees: gathers bytes into blocks and hands each full block on.</summary>
internal sealed class ContentStream(int blockSize, Func<byte[]> rent, Func<byte[], int, CancellationToken, ValueTask> onBlock) : Stream
{
    private byte[] block = rent();
    private int filled;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Hands on what is left; called once, after the last write.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        if (filled > 0)
            await HandOnAsync(cancellationToken);
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Captures write asynchronously.");

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask HandOnAsync(CancellationToken cancellationToken)
    {
        await onBlock(block, filled, cancellationToken);
        block = rent();
        filled = 0;
    }
}
