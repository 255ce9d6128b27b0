using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;

namespace NexusBackupAgent.Artifacts;

/// <summary>What re-reading an artifact found.</summary>
/// <param name="Stored">Digest of the bytes as stored, whether or not they inflate.</param>
/// <param name="Content">Digest of the inflated bytes; null when they do not inflate.</param>
/// <param name="GzipFailure">Why they do not inflate; null when they do.</param>
internal sealed record ArtifactReading(ArtifactDigest Stored, ArtifactDigest? Content, string? GzipFailure);

/// <summary>
/// Reads an artifact in one pass: store → SHA-256 → inflate on all cores → SHA-256 → content.
/// Reads every gzip file; one that this agent did not write is inflated on one core.
/// </summary>
internal static class ArtifactReader
{
    /// <param name="stored">The artifact.</param>
    /// <param name="content">Where the inflated bytes go; <see cref="Stream.Null"/> when only checking.</param>
    /// <param name="progress">Told the stored bytes so far.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="IOException">The artifact could not be read, or the content not written; neither is damage.</exception>
    public static async Task<ArtifactReading> ReadAsync(Stream stored, Stream content, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var hashing = new HashingStream(stored, progress);
        ArtifactDigest? contentDigest = null;
        string? failure = null;
        try
        {
            contentDigest = await InflateAsync(hashing, content, cancellationToken);
        }
        catch (InvalidDataException damage)
        {
            failure = damage.Message;
        }

        // The rest of a damaged artifact still counts for its checksum.
        await hashing.CopyToAsync(Stream.Null, cancellationToken);
        return new ArtifactReading(hashing.Digest, contentDigest, failure);
    }

    private static async Task<ArtifactDigest> InflateAsync(Stream stored, Stream content, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var buffers = new ConcurrentStack<MemoryStream>();
        var queue = Channel.CreateBounded<Task<MemoryStream>>(new BoundedChannelOptions(Cores.Used) { SingleReader = true, SingleWriter = true });
        var writing = WriteAsync(queue.Reader, content, buffers, stop);
        try
        {
            // Not stopped by damage: a read that is cancelled half way may have moved on in the file, and what it skipped would
            // be missing in the digest of what is stored.
            await foreach (var inflating in MembersAsync(stored, buffers, cancellationToken))
                await queue.Writer.WriteAsync(inflating, stop.Token);
            queue.Writer.Complete();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            queue.Writer.TryComplete(); // a damaged member, or content that could not be written: awaiting tells which
        }
        catch (Exception reason)
        {
            queue.Writer.TryComplete(reason);
        }

        return await writing;
    }

    /// <summary>Each member's content in order, inflating ahead; or blocks of content where members do not say their length.</summary>
    private static async IAsyncEnumerable<Task<MemoryStream>> MembersAsync(
        Stream stored, ConcurrentStack<MemoryStream> buffers, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var header = new byte[GzipMember.HeaderSize];
        var any = false;
        while (true)
        {
            var read = await stored.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
            if (read == 0)
                break;
            any = true;
            if (!GzipMember.TryReadLength(header.AsSpan(0, read), out var length))
            {
                await foreach (var block in ForeignAsync(header.AsMemory(0, read), stored, buffers, cancellationToken))
                    yield return block;
                yield break;
            }

            var member = ArrayPool<byte>.Shared.Rent(length + GzipSentinel.Member.Length);
            header.CopyTo(member, 0);
            var rest = member.AsMemory(header.Length, length - header.Length);
            if (await stored.ReadAtLeastAsync(rest, rest.Length, throwOnEndOfStream: false, cancellationToken) < rest.Length)
                throw new InvalidDataException("the file ends in the middle of a gzip member");
            yield return Task.Run(() => Inflate(member, length, buffers), CancellationToken.None);
        }

        if (!any)
            throw new InvalidDataException("the file is empty");
    }

    private static async IAsyncEnumerable<Task<MemoryStream>> ForeignAsync(
        ReadOnlyMemory<byte> head, Stream rest, ConcurrentStack<MemoryStream> buffers,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (head.Length < 4 || head.Span[0] != 0x1f || head.Span[1] != 0x8b)
            throw new InvalidDataException("the file is not in gzip format");

        using var gzip = new GZipStream(new SurroundedStream(head, rest, GzipSentinel.Member), CompressionMode.Decompress, leaveOpen: true);
        var block = GC.AllocateUninitializedArray<byte>(GzipMember.ContentSize);
        var held = 0; // what may be the sentinel is held back until more follows
        while (true)
        {
            var read = await gzip.ReadAtLeastAsync(block.AsMemory(held), block.Length - held, throwOnEndOfStream: false, cancellationToken);
            var filled = held + read;
            var isLast = filled < block.Length;
            if (isLast)
                GzipSentinel.Require(block.AsSpan(0, filled));

            held = GzipSentinel.Content.Length;
            var inflated = Rent(buffers);
            inflated.Write(block, 0, filled - held);
            yield return Task.FromResult(inflated);
            if (isLast)
                yield break;
            block.AsSpan(filled - held).CopyTo(block);
        }
    }

    private static MemoryStream Inflate(byte[] member, int length, ConcurrentStack<MemoryStream> buffers)
    {
        try
        {
            var inflated = Rent(buffers);
            GzipMember.Inflate(member, length, inflated);
            return inflated;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(member);
        }
    }

    private static MemoryStream Rent(ConcurrentStack<MemoryStream> buffers)
    {
        var buffer = buffers.TryPop(out var free) ? free : new MemoryStream(GzipMember.ContentSize + GzipSentinel.Content.Length);
        buffer.SetLength(0);
        return buffer;
    }

    private static async Task<ArtifactDigest> WriteAsync(
        ChannelReader<Task<MemoryStream>> queue, Stream content, ConcurrentStack<MemoryStream> free, CancellationTokenSource stop)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var length = 0L;
            await foreach (var inflating in queue.ReadAllAsync(stop.Token))
            {
                var buffer = await inflating;
                var bytes = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
                hash.AppendData(bytes.Span);
                await content.WriteAsync(bytes, stop.Token);
                length += bytes.Length;
                free.Push(buffer);
            }

            return new ArtifactDigest(length, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }
}
