using System.Security.Cryptography;

namespace NexusBackupAgent.Artifacts;

/// <summary>Reads through to another stream and keeps the SHA-256 of every byte that passed.</summary>
internal sealed class HashingStream(Stream inner, IProgress<long>? progress = null) : ForwardReadStream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long length;

    /// <summary>The digest of what was read so far.</summary>
    public ArtifactDigest Digest => new(length, Convert.ToHexStringLower(hash.GetCurrentHash()));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await inner.ReadAsync(buffer, cancellationToken);
        hash.AppendData(buffer.Span[..read]);
        length += read;
        progress?.Report(length);
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            hash.Dispose();
        base.Dispose(disposing);
    }
}
