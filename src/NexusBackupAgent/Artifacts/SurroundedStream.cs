namespace NexusBackupAgent.Artifacts;

/// <summary>Reads bytes that were already taken from a stream, then the rest of it, then bytes that it does not have.</summary>
internal sealed class SurroundedStream(ReadOnlyMemory<byte> before, Stream rest, ReadOnlyMemory<byte> after) : ForwardReadStream
{
    private ReadOnlyMemory<byte> before = before;
    private ReadOnlyMemory<byte> after = after;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!before.IsEmpty)
            return Take(ref before, buffer.Span);
        var read = await rest.ReadAsync(buffer, cancellationToken);
        return read > 0 || buffer.IsEmpty ? read : Take(ref after, buffer.Span);
    }

    private static int Take(ref ReadOnlyMemory<byte> bytes, Span<byte> buffer)
    {
        var count = Math.Min(bytes.Length, buffer.Length);
        bytes.Span[..count].CopyTo(buffer);
        bytes = bytes[count..];
        return count;
    }
}
