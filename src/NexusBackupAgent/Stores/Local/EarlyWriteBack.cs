using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores.Local;

/// <summary>Writes through to a file, and starts the disk on each few megabytes as they come. The file stays open when this is disposed.</summary>
internal sealed class EarlyWriteBack(FileStream file) : ForwardWriteStream
{
    private const long Step = 8L << 20;

    private long started;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await file.WriteAsync(buffer, cancellationToken);
        StartDisk();
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        file.Write(buffer, offset, count);
        StartDisk();
    }

    public override void Flush() => file.Flush();

    private void StartDisk()
    {
        if (file.Position - started < Step)
            return;
        PageCache.WriteBack(file.SafeFileHandle, started, file.Position - started);
        started = file.Position;
    }
}
