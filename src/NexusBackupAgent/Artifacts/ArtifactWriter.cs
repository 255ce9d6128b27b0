using System.Security.Cryptography;
using System.Threading.Channels;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Artifacts;

/// <summary>What one pass wrote: the digest of what was captured and of what was stored.</summary>
internal readonly record struct ArtifactDigests(ArtifactDigest Content, ArtifactDigest Stored);

/// <summary>
/// Writes an artifact in one pass with bounded memory: content → SHA-256 → frames on all cores → SHA-256 → store.
/// </summary>
internal static class ArtifactWriter
{
    /// <param name="encoding">How the artifact is stored.</param>
    /// <param name="stored">Where the artifact goes; written in order.</param>
    /// <param name="compression">How it is compressed.</param>
    /// <param name="capture">Writes the content.</param>
    /// <param name="progress">Told the content bytes so far.</param>
    /// <param name="cancellationToken">Stops the pass; what was written is then incomplete.</param>
    public static Task<ArtifactDigests> WriteAsync(
        ArtifactEncoding encoding, Stream stored, Compression compression, Func<Stream, CancellationToken, Task> capture, IProgress<long>? progress, CancellationToken cancellationToken) => encoding switch
    {
        ArtifactEncoding.None => PlainArtifact.WriteAsync(stored, capture, progress, cancellationToken),
        _ => WriteAsync(FrameEngine.Of(encoding), stored, compression.In(encoding), capture, progress, cancellationToken),
    };

    /// <summary>Writes gzip.</summary>
    /// <param name="stored">Where the artifact goes; written in order.</param>
    /// <param name="compression">How gzip compresses.</param>
    /// <param name="capture">Writes the content.</param>
    /// <param name="progress">Told the content bytes so far, after each block.</param>
    /// <param name="cancellationToken">Stops the pass; what was written is then incomplete.</param>
    public static Task<ArtifactDigests> WriteAsync(
        Stream stored,
        Compression compression,
        Func<Stream, CancellationToken, Task> capture,
        IProgress<long>? progress,
        CancellationToken cancellationToken) => WriteAsync(GzipEngine.Fastest, stored, compression, capture, progress, cancellationToken);

    /// <summary>The same with a certain engine.</summary>
    public static async Task<ArtifactDigests> WriteAsync(
        FrameEngine engine,
        Stream stored,
        Compression compression,
        Func<Stream, CancellationToken, Task> capture,
        IProgress<long>? progress,
        CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var contentHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var contentLength = 0L;
        var blocks = new BlockPool();
        await using var crew = new CodecCrew(engine);

        // The queue holds members in their order; its bound is the bound of memory.
        var queue = Channel.CreateBounded<Task<Block>>(new BoundedChannelOptions(Cores.Used) { SingleReader = true, SingleWriter = true });
        var storing = StoreAsync(queue.Reader, stored, compression.IsSingleMember ? new SingleMember() : null, blocks, stop);

        var content = new ContentStream(
            FrameEngine.BlockSize,
            () => blocks.Rent().Buffer,
            async (buffer, length, token) =>
            {
                contentHash.AppendData(buffer, 0, length);
                contentLength += length;
                await queue.Writer.WriteAsync(CompressAsync(new Block(buffer) { Length = length }), token);
                progress?.Report(contentLength);
            });

        try
        {
            await capture(content, stop.Token);
            await content.CompleteAsync(stop.Token);
            if (contentLength == 0)
                await queue.Writer.WriteAsync(CompressAsync(new Block([])), stop.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            queue.Writer.TryComplete();
            await storing; // the store failed and so stopped the capture: its reason is the one to tell
            throw;
        }
        catch
        {
            await stop.CancelAsync();
            await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        queue.Writer.Complete();
        return new ArtifactDigests(new ArtifactDigest(contentLength, Hex(contentHash)), await storing);

        Task<Block> CompressAsync(Block block) => crew.Do(codec =>
        {
            var member = blocks.Rent();
            if (compression.IsSingleMember)
                SingleMember.Compress(block.Bytes.Span, member, compression.Level);
            else
                codec.Compress(block.Bytes.Span, member, compression.Level);
            if (block.Length > 0)
                blocks.Return(block);
            return member;
        });
    }

    private static async Task<ArtifactDigest> StoreAsync(
        ChannelReader<Task<Block>> queue, Stream stored, SingleMember? around, BlockPool blocks, CancellationTokenSource stop)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var length = 0L;
            if (around is not null)
                await AppendAsync(SingleMember.Header.ToArray());
            await foreach (var compressing in queue.ReadAllAsync(stop.Token))
            {
                var member = await compressing;
                await AppendAsync(around is null ? member.Bytes : around.Add(member));
                blocks.Return(member);
            }

            if (around is not null)
                await AppendAsync(around.Trailer());
            return new ArtifactDigest(length, Hex(hash));

            async Task AppendAsync(ReadOnlyMemory<byte> bytes)
            {
                hash.AppendData(bytes.Span);
                await stored.WriteAsync(bytes, stop.Token);
                length += bytes.Length;
            }
        }
        catch
        {
            await stop.CancelAsync(); // the capture must not go on filling a store that fails
            throw;
        }
    }

    private static string Hex(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetHashAndReset());
}
