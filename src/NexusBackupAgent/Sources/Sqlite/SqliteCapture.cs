using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite.Pages;

namespace NexusBackupAgent.Sources.Sqlite;

/// <summary>Writes a state of a database, page for page, or as a WAL with the pages that an earlier state had not.</summary>
/// <param name="earlier">What an increment builds on; null for a full backup. Disposed with this.</param>
/// <param name="index">Gets the hashes of the pages that the artifact holds; null when nothing will build on it. Disposed with this.</param>
internal sealed class SqliteCapture(SqliteSnapshot snapshot, PageHistory? earlier, PageIndexDraft? index) : ICapture
{
    public DateTimeOffset CapturedAt => snapshot.CapturedAt;

    public long? Length => snapshot.Length;

    /// <summary>A check expands the database.</summary>
    public long ScratchNeeded => snapshot.Length;

    public async Task WriteAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        var digests = earlier is null ? await WriteFullAsync(sink, cancellationToken) : await WriteChangesAsync(earlier, index!, sink, cancellationToken);
        if (index is { Fingerprint: { } fingerprint })
            sink.DeclareFingerprint(fingerprint);
        if (index is { IsComplete: true })
            await sink.WriteSidecarAsync(PageIndexes.Ending, (stored, token) => index.WriteToAsync(stored, digests.Content.Sha256, token), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await snapshot.DisposeAsync();
        earlier?.Dispose();
        index?.Dispose();
    }

    private Task<ArtifactDigests> WriteFullAsync(IArtifactSink sink, CancellationToken cancellationToken)
    {
        if (index is null)
            return sink.WriteAsync(snapshot.CopyToAsync, sink.Progress, cancellationToken);
        return sink.WriteAsync(
            async (content, token) =>
            {
                await using var indexing = new DatabaseIndexer(index, content);
                await snapshot.CopyToAsync(indexing, token);
                indexing.Complete();
            },
            sink.Progress,
            cancellationToken);
    }

    private async Task<ArtifactDigests> WriteChangesAsync(PageHistory before, PageIndexDraft draft, IArtifactSink sink, CancellationToken cancellationToken)
    {
        var restored = default(ArtifactDigest);
        var digests = await sink.WriteAsync(
            async (content, token) => restored = await new WalCapture(before, draft, content).RunAsync(snapshot, sink.Progress, token),
            progress: null, // what is stored is only a part of what is looked at
            cancellationToken);
        sink.DeclareRestored(restored);
        return digests;
    }
}

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

    /// <summary>
    /// Copies to the end of the source. Only a read that gives nothing is the end: copy_file_range(2) gives nothing on some
    /// kernels and file systems in the middle of a file, or refuses, and then it is read and written.
    /// </summary>
    /// <returns>Bytes copied.</returns>
    /// <exception cref="IOException">Reading or writing failed, for example because the target is full.</exception>
    public static long Copy(SafeFileHandle source, SafeFileHandle target, CancellationToken cancellationToken)
    {
        var offset = 0L;
        var inKernel = OperatingSystem.IsLinux();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long from = offset, to = offset;
            long copied = inKernel ? CopyFileRange(source, ref from, target, ref to, ChunkSize, 0) : 0;
            if (copied <= 0)
            {
                inKernel = copied < 0 && inKernel && Marshal.GetLastPInvokeError() == Errno.Interrupted;
                copied = CopyThroughBuffer(source, target, offset); // it reports real failures itself
                if (copied == 0)
                    return offset;
            }

            offset += copied;
        }
    }

    /// <summary>Whether two files hold the same, byte for byte.</summary>
    /// <exception cref="IOException">One can't be read.</exception>
    public static bool AreEqual(SafeFileHandle one, SafeFileHandle other, CancellationToken cancellationToken)
    {
        var (left, right) = (new byte[BufferSize], new byte[BufferSize]);
        for (var offset = 0L; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var length = ReadFully(one, left, offset);
            if (ReadFully(other, right, offset) != length || !left.AsSpan(0, length).SequenceEqual(right.AsSpan(0, length)))
                return false;
            if (length == 0)
                return true;
            offset += length;
        }
    }

    /// <returns>Less than the buffer holds only at the end of the file.</returns>
    public static int ReadFully(SafeFileHandle file, Span<byte> buffer, long offset)
    {
        var length = 0;
        while (length < buffer.Length && RandomAccess.Read(file, buffer[length..], offset + length) is > 0 and var read)
            length += read;
        return length;
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
