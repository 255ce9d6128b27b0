using System.IO.Compression;

namespace NexusBackupAgent.Artifacts.Deflate;

/// <summary>.NET's own zlib, which is everywhere.</summary>
internal sealed class ZlibCodec : GzipCodec
{
    public override void Dispose()
    {
    }

    protected override int CompressPlain(ReadOnlySpan<byte> content, byte[] target, int offset, int level)
    {
        using var member = new MemoryStream(target, offset, target.Length - offset);
        using (var gzip = new GZipStream(member, new ZLibCompressionOptions { CompressionLevel = level }, leaveOpen: true))
            gzip.Write(content);
        return checked((int)member.Position);
    }

    protected override void InflateInto(Block member, Block content)
    {
        GzipSentinel.Member.CopyTo(member.Buffer.AsMemory(member.Length));
        var inflated = content.Buffer.AsSpan(0, content.Length + GzipSentinel.Content.Length);
        using var source = new MemoryStream(member.Buffer, 0, member.Length + GzipSentinel.Member.Length, writable: false);
        using var gzip = new GZipStream(source, CompressionMode.Decompress);
        var read = gzip.ReadAtLeast(inflated, inflated.Length, throwOnEndOfStream: false);
        GzipSentinel.Require(inflated[..read]);
        if (read < inflated.Length)
            throw new InvalidDataException($"a gzip member holds {read - GzipSentinel.Content.Length} bytes of content and claims {content.Length}");
    }
}
