using Amazon.S3.Model;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.ObjectStorage;

/// <summary>An object that was written.</summary>
/// <param name="PartSize">Bytes of each of its parts but the last; 0: it came in one.</param>
internal sealed record WrittenObject(string ETag, long Length, long PartSize);

/// <summary>
/// Takes an object's content in order and sends it in parts beside the writing. Nobody sees the object before
/// <see cref="CompleteAsync"/>; disposed without it, nothing stays.
/// </summary>
/// <param name="expected">Bytes that will come; 0: nobody knows, and 156 GiB may.</param>
internal sealed class ObjectUpload(ObjectClient client, string key, ObjectAttributes attributes, WriteCondition condition, long expected, CancellationToken cancellationToken) : Stream
{
    /// <summary>Bytes of a part, unless the object is too long for that.</summary>
    public const int PartSize = 16 << 20;

    private const int MostParts = 10_000;

    private readonly int partSize = PartSizeOf(expected);

    /// <summary>Parts on their way while another one is filled: fewer where they are large.</summary>
    private readonly int mostOnTheirWay = PartSizeOf(expected) == PartSize ? 3 : 1;

    private readonly Queue<byte[]> free = new();
    private readonly List<Task<PartETag>> parts = [];
    private byte[] buffer = [];
    private int filled;
    private long length;
    private string? upload;
    private bool isComplete;

    /// <summary>All parts have the same size, as some servers want it: a usual one, so that others can compute the ETag.</summary>
    public static int PartSizeOf(long length)
    {
        var size = (long)PartSize;
        while (size < 1 << 30 && length / size >= MostParts)
            size *= 2;
        return (int)size;
    }

    /// <summary>Whether a part is on its way, or did not come.</summary>
    public bool IsUnderWay => parts.Exists(part => !part.IsCompletedSuccessfully);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => length;

    public override long Position
    {
        get => length;
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken token = default)
    {
        while (content.Length > 0)
        {
            if (filled == partSize)
                await SendAsync();
            Grow(content.Length);
            var taken = Math.Min(content.Length, buffer.Length - filled);
            content[..taken].CopyTo(buffer.AsMemory(filled));
            (filled, length, content) = (filled + taken, length + taken, content[taken..]);
        }
    }

    public override Task WriteAsync(byte[] content, int offset, int count, CancellationToken token) => WriteAsync(content.AsMemory(offset, count), token).AsTask();

    public override void Write(byte[] content, int offset, int count) => WriteAsync(content.AsMemory(offset, count), cancellationToken).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    /// <summary>Makes the object appear.</summary>
    public async Task<WrittenObject> CompleteAsync()
    {
        string etag;
        if (upload is null)
        {
            await LookAsync();
            etag = await client.PutAsync(key, buffer.AsMemory(0, filled), attributes, condition, cancellationToken);
        }
        else
        {
            if (filled > 0)
                await SendAsync();
            var sent = await Task.WhenAll(parts);
            await LookAsync(); // last of all: parts take a while, and another one may have come meanwhile
            etag = await client.CompletePartsAsync(key, upload, [.. sent], condition, cancellationToken);
            isComplete = true;
            await client.PutTagsAsync(key, attributes.Tags, cancellationToken);
            if (attributes.Lock is { } wanted)
                await client.ExtendLockAsync(key, wanted, cancellationToken); // Ceph forgets the lock of what comes in parts
        }

        isComplete = true;
        return new WrittenObject(etag, length, upload is null ? 0 : partSize);

        Task LookAsync() => condition == WriteCondition.IfAbsent ? client.RequireAbsentAsync(key, cancellationToken) : Task.CompletedTask;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        if (upload is not null && !isComplete)
        {
            await ((Task)Task.WhenAll(parts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await client.EndAsync(token => client.AbortPartsAsync(key, upload, token));
        }

        await base.DisposeAsync();
    }

    /// <summary>A small object needs no whole part's room.</summary>
    private void Grow(int more)
    {
        if (filled < buffer.Length)
            return;
        byte[]? used = null;
        lock (free)
        {
            if (buffer.Length == 0)
                free.TryDequeue(out used);
        }

        if (used is not null)
            buffer = used;
        else if (upload is not null)
            buffer = GC.AllocateUninitializedArray<byte>(partSize); // most parts are whole, and one that grows leaves as much again behind
        else
            Array.Resize(ref buffer, (int)Math.Min(partSize, Math.Max(Math.Max(65536L, 2L * buffer.Length), (long)filled + more)));
    }

    /// <exception cref="BackupException">It is longer than an object in parts of this size may be.</exception>
    private async Task SendAsync()
    {
        if (parts.Count == MostParts)
        {
            throw new BackupException(
                FailureKind.StoreUnavailable,
                $"cannot write {client.Address.Describe(key)}: it is longer than {(long)MostParts * partSize >> 30} GiB, which one object of {MostParts} parts takes",
                "keep so large a backup in a directory, or back up its parts as sources of their own");
        }

        upload ??= await client.BeginPartsAsync(key, attributes, cancellationToken);
        if (parts.Count >= mostOnTheirWay)
            await parts[^mostOnTheirWay];
        var (content, count) = (buffer, filled);
        (buffer, filled) = ([], 0);
        parts.Add(SendPartAsync(parts.Count + 1, content, count));
    }

    private async Task<PartETag> SendPartAsync(int number, byte[] content, int count)
    {
        var sent = await client.PutPartAsync(key, upload!, number, content.AsMemory(0, count), cancellationToken);
        lock (free)
        {
            if (content.Length == partSize)
                free.Enqueue(content);
        }

        return sent;
    }
}
