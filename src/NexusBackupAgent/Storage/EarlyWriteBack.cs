namespace NexusBackupAgent.Storage;

/// <summary>Writes through to a file, and starts the disk on each few megabytes as they come. The file stays open when this is disposed.</summary>
internal sealed class EarlyWriteBack(FileStream file) : Stream
{
    private const long Step = 8L << 20;

    private long started;

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
        await file.WriteAsync(buffer, cancellationToken);
        StartDisk();
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count)
    {
        file.Write(buffer, offset, count);
        StartDisk();
    }

    public override void Flush() => file.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void StartDisk()
    {
        if (file.Position - started < Step)
            return;
        PageCache.WriteBack(file.SafeFileHandle, started, file.Position - started);
        started = file.Position;
    }
}
