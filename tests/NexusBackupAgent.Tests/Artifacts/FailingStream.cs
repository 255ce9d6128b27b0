namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>Gives bytes and then fails to be read, or to be written, as a broken disk does.</summary>
internal sealed class FailingStream(byte[] bytes, int failAfter) : MemoryStream(bytes)
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= failAfter)
            throw new IOException("the disk is on fire");
        return await base.ReadAsync(buffer[..Math.Min(buffer.Length, failAfter - (int)Position)], cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("the disk is on fire");
}
