namespace NexusBackupAgent.Verification;

/// <summary>
/// Hands an increment's content on until that is refused, and takes the rest all the same, so that the hashes of the whole
/// are known: only they tell damage from content that was wrong when it was stored.
/// </summary>
/// <param name="increment">Applies the content; disposed with this.</param>
internal sealed class IncrementStream(Stream increment) : Stream
{
    /// <summary>Why the content could not be applied; null as long as it could. Final after <see cref="CompleteAsync"/>.</summary>
    public string? Refusal { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Says that all was given.</summary>
    public async Task CompleteAsync()
    {
        try
        {
            await increment.DisposeAsync();
        }
        catch (InvalidDataException refused)
        {
            Refusal ??= refused.Message;
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            if (Refusal is null)
                await increment.WriteAsync(buffer, cancellationToken);
        }
        catch (InvalidDataException refused)
        {
            Refusal = refused.Message;
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            increment.Dispose();
        base.Dispose(disposing);
    }
}
