namespace NexusBackupAgent.Artifacts;

/// <summary>Reads bytes that were already taken from a stream, then the rest of it, then bytes that it does not have.</summary>
internal sealed class SurroundedStream(ReadOnlyMemory<byte> before, Stream rest, ReadOnlyMemory<byte> after) : Stream
{
    private ReadOnlyMemory<byte> before = before;
    private ReadOnlyMemory<byte> after = after;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!before.IsEmpty)
            return Take(ref before, buffer.Span);
        var read = await rest.ReadAsync(buffer, cancellationToken);
        return read > 0 || buffer.IsEmpty ? read : Take(ref after, buffer.Span);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Artifacts are read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static int Take(ref ReadOnlyMemory<byte> bytes, Span<byte> buffer)
    {
        var count = Math.Min(bytes.Length, buffer.Length);
        bytes.Span[..count].CopyTo(buffer);
        bytes = bytes[count..];
        return count;
    }
}
