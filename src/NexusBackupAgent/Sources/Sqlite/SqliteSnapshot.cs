using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>A consistent state of a database, held until disposed.</summary>
/// <param name="capturedAt">The instant whose state this is, UTC.</param>
/// <param name="length">Bytes that <see cref="CopyToAsync"/> will write.</param>
internal abstract class SqliteSnapshot(DateTimeOffset capturedAt, long length) : IAsyncDisposable
{
    public DateTimeOffset CapturedAt { get; } = capturedAt;

    public long Length { get; } = length;

    /// <summary>Bytes of each page; 0 when the file does not consist of whole pages.</summary>
    public int PageSize { get; protected init; }

    /// <summary>Writes the state as one stream; may be called again.</summary>
    public abstract Task CopyToAsync(Stream destination, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A private copy of a database file, deleted when disposed.</summary>
internal sealed class CopiedSnapshot : SqliteSnapshot
{
    private readonly string copy;

    public CopiedSnapshot(string copy, DateTimeOffset capturedAt, long length, int pageSize)
        : base(capturedAt, length)
    {
        this.copy = copy;
        PageSize = pageSize;
    }

    public override async Task CopyToAsync(Stream destination, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(copy, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        await file.CopyToAsync(destination, 1 << 20, cancellationToken);
    }

    public override ValueTask DisposeAsync()
    {
        File.Delete(copy);
        return ValueTask.CompletedTask;
    }
}

/// <summary>Copies a file as fast as the file system can: by reference where it shares blocks, else inside the kernel.</summary>
internal static partial class FileCopy
{
    private const int ChunkSize = 64 << 20; // between two looks at the token
    private const int BufferSize = 1 << 20;

    /// <returns>Bytes copied.</returns>
    /// <exception cref="IOException">Reading or writing failed, for example because the target is full.</exception>
    public static long Copy(SafeFileHandle source, SafeFileHandle target, CancellationToken cancellationToken)
    {
        var offset = 0L;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long from = offset, to = offset;
            long copied = OperatingSystem.IsLinux() ? CopyFileRange(source, ref from, target, ref to, ChunkSize, 0) : -1;
            if (copied < 0)
                copied = CopyThroughBuffer(source, target, offset); // the two are on file systems that cannot; it reports real failures itself
            if (copied == 0)
                return offset;
            offset += copied;
        }
    }

    private static long CopyThroughBuffer(SafeFileHandle source, SafeFileHandle target, long offset)
    {
        var buffer = new byte[BufferSize];
        var read = RandomAccess.Read(source, buffer, offset);
        RandomAccess.Write(target, buffer.AsSpan(0, read), offset);
        return read;
    }

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(SafeFileHandle source, ref long sourceOffset, SafeFileHandle target, ref long targetOffset, nint length, uint flags);
}
