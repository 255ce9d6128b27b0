namespace NexusBackupAgent.Artifacts;

/// <summary>The write-only end that a capture sees: gathers bytes into blocks and hands each full block on.</summary>
/// <param name="rent">Gives a block to fill.</param>
/// <param name="onBlock">Takes a filled block; all but the last hold <see cref="GzipMember.ContentSize"/> bytes.</param>
internal sealed class ContentStream(Func<Block> rent, Func<Block, CancellationToken, ValueTask> onBlock) : Stream
{
    private Block block = Empty(rent());

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
            var count = Math.Min(buffer.Length, GzipMember.ContentSize - block.Length);
            buffer[..count].CopyTo(block.Buffer.AsMemory(block.Length));
            block.Length += count;
            buffer = buffer[count..];
            if (block.Length == GzipMember.ContentSize)
                await HandOnAsync(cancellationToken);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Hands on what is left; called once, after the last write.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        if (block.Length > 0)
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
        await onBlock(block, cancellationToken);
        block = Empty(rent());
    }

    private static Block Empty(Block block)
    {
        block.Length = 0;
        return block;
    }
}
