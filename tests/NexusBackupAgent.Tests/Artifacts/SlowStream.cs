namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>Reads as slowly as a busy disk; a read that is cancelled has moved on all the same, as one of a file may.</summary>
internal sealed class SlowStream(byte[] bytes) : MemoryStream(bytes)
{
    private static readonly TimeSpan OfOneRead = TimeSpan.FromMilliseconds(30);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await base.ReadAsync(buffer, CancellationToken.None);
        await Task.Delay(OfOneRead, TimeProvider.System, cancellationToken);
        return read;
    }
}
