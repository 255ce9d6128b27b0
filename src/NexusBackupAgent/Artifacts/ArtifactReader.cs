using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Threading.Channels;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts;

/// <summary>What re-reading an artifact found.</summary>
/// <param name="Stored">Digest of the bytes as stored, whether or not they inflate.</param>
/// <param name="Content">Digest of the decoded bytes; null when they do not decode.</param>
/// <param name="EncodingFailure">Why they do not decode; null when they do.</param>
internal sealed record ArtifactReading(ArtifactDigest Stored, ArtifactDigest? Content, string? EncodingFailure);

/// <summary>
/// Reads an artifact in one pass: store → SHA-256 → expand on all cores → SHA-256 → content.
/// Reads every file of its encoding; one that this agent did not write is expanded on one core.
/// </summary>
internal static class ArtifactReader
{
    /// <param name="encoding">How the artifact is stored.</param>
    /// <param name="stored">The artifact.</param>
    /// <param name="content">Where the decoded bytes go; <see cref="Stream.Null"/> when only checking.</param>
    /// <param name="progress">Told the stored bytes so far.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="IOException">The artifact could not be read, or the content not written; neither is damage.</exception>
    public static Task<ArtifactReading> ReadAsync(ArtifactEncoding encoding, Stream stored, Stream content, IProgress<long>? progress, CancellationToken cancellationToken) => encoding switch
    {
        ArtifactEncoding.None => PlainArtifact.ReadAsync(stored, content, progress, cancellationToken),
        _ => ReadAsync(FrameEngine.Of(encoding), stored, content, progress, cancellationToken),
    };

    /// <summary>Reads gzip.</summary>
    /// <param name="stored">The artifact.</param>
    /// <param name="content">Where the inflated bytes go; <see cref="Stream.Null"/> when only checking.</param>
    /// <param name="progress">Told the stored bytes so far.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="IOException">The artifact could not be read, or the content not written; neither is damage.</exception>
    public static Task<ArtifactReading> ReadAsync(Stream stored, Stream content, IProgress<long>? progress, CancellationToken cancellationToken) =>
        ReadAsync(GzipEngine.Fastest, stored, content, progress, cancellationToken);

    /// <summary>The same with a certain engine.</summary>
    public static async Task<ArtifactReading> ReadAsync(
        FrameEngine engine, Stream stored, Stream content, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var hashing = new HashingStream(stored, progress);
        ArtifactDigest? contentDigest = null;
        string? failure = null;
        try
        {
            contentDigest = await ExpandAsync(engine, hashing, content, cancellationToken);
        }
        catch (InvalidDataException damage)
        {
            failure = damage.Message;
        }

        // The rest of a damaged artifact still counts for its checksum.
        await hashing.CopyToAsync(Stream.Null, cancellationToken);
        return new ArtifactReading(hashing.Digest, contentDigest, failure);
    }

    private static async Task<ArtifactDigest> ExpandAsync(FrameEngine engine, Stream stored, Stream content, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var blocks = new BlockPool();
        await using var crew = new CodecCrew(engine);
        var queue = Channel.CreateBounded<Task<Block>>(new BoundedChannelOptions(Cores.Used) { SingleReader = true, SingleWriter = true });
        var writing = WriteAsync(queue.Reader, content, blocks, stop);
        try
        {
            // Not stopped by damage: a read that is cancelled half way may have moved on in the file, and what it skipped would
            // be missing in the digest of what is stored.
            await foreach (var expanding in FramesAsync(engine, stored, crew, blocks, cancellationToken))
                await queue.Writer.WriteAsync(expanding, stop.Token);
            queue.Writer.Complete();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            queue.Writer.TryComplete(); // a damaged frame, or content that could not be written: awaiting tells which
        }
        catch (Exception reason)
        {
            queue.Writer.TryComplete(reason);
        }

        return await writing;
    }

    /// <summary>Each frame's content in order, expanding ahead; or blocks of content where frames do not say their length.</summary>
    private static async IAsyncEnumerable<Task<Block>> FramesAsync(
        FrameEngine engine, Stream stored, CodecCrew crew, BlockPool blocks, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var header = new byte[ArtifactEncodings.HeaderSize];
        var any = false;
        while (true)
        {
            var read = await stored.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
            if (read == 0)
                break;
            any = true;
            if (!engine.TryReadLength(header.AsSpan(0, read), out var length))
            {
                await foreach (var block in engine.ExpandForeignAsync(header.AsMemory(0, read), stored, blocks, cancellationToken))
                    yield return Task.FromResult(block);
                yield break;
            }

            var frame = blocks.Rent();
            frame.Length = length;
            header.CopyTo(frame.Buffer, 0);
            var rest = frame.Buffer.AsMemory(header.Length, length - header.Length);
            if (await stored.ReadAtLeastAsync(rest, rest.Length, throwOnEndOfStream: false, cancellationToken) < rest.Length)
                throw new InvalidDataException($"the file ends in the middle of a {engine.Frame}");
            yield return crew.Do(codec => Expand(codec, frame, blocks));
        }

        if (!any)
            throw new InvalidDataException("the file is empty");
    }

    private static Block Expand(FrameCodec codec, Block frame, BlockPool blocks)
    {
        var content = blocks.Rent();
        codec.Expand(frame, content);
        blocks.Return(frame);
        return content;
    }

    private static async Task<ArtifactDigest> WriteAsync(
        ChannelReader<Task<Block>> queue, Stream content, BlockPool blocks, CancellationTokenSource stop)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var length = 0L;
            await foreach (var expanding in queue.ReadAllAsync(stop.Token))
            {
                var block = await expanding;
                hash.AppendData(block.Bytes.Span);
                await content.WriteAsync(block.Bytes, stop.Token);
                length += block.Length;
                blocks.Return(block);
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
