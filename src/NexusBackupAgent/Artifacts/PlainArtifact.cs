using System.Security.Cryptography;

namespace NexusBackupAgent.Artifacts;

/// <summary>An artifact that is stored as it comes: content → SHA-256 → store, and back.</summary>
internal static class PlainArtifact
{
    private const int BufferSize = 1 << 17;

    public static async Task<ArtifactDigests> WriteAsync(Stream stored, Func<Stream, CancellationToken, Task> capture, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        await using var content = new DigestingStream(stored, progress);
        await capture(content, cancellationToken);
        var digest = content.Digest;
        return new ArtifactDigests(digest, digest);
    }

    public static async Task<ArtifactReading> ReadAsync(Stream stored, Stream content, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        using var hashing = new HashingStream(stored, progress);
        await hashing.CopyToAsync(content, BufferSize, cancellationToken);
        return new ArtifactReading(hashing.Digest, hashing.Digest, EncodingFailure: null);
    }

    /// <summary>Writes through to another stream, which stays open, and keeps the SHA-256 of every byte that passed.</summary>
    private sealed class DigestingStream(Stream inner, IProgress<long>? progress) : ForwardWriteStream
    {
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private long length;

        public ArtifactDigest Digest => new(length, Convert.ToHexStringLower(hash.GetCurrentHash()));

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await inner.WriteAsync(buffer, cancellationToken);
            hash.AppendData(buffer.Span);
            length += buffer.Length;
            progress?.Report(length);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                hash.Dispose();
            base.Dispose(disposing);
        }
    }
}
