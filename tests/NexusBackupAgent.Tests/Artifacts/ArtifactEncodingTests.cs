using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public class ArtifactEncodingTests
{
    [Theory]
    [InlineData("a.db.gz", "gunzip -c a.db.gz", "tar -xzf a.db.gz")]
    [InlineData("a.db.gz.bad", "gunzip -c < a.db.gz.bad", "tar -xzf a.db.gz.bad")]
    [InlineData("a.db.zst", "zstd -dc a.db.zst", "tar --zstd -xf a.db.zst")]
    [InlineData("a.db.zst.bad", "zstd -dc < a.db.zst.bad", "tar --zstd -xf a.db.zst.bad")]
    public void What_was_set_aside_is_expanded_as_it_was_stored(string file, string expand, string unpack) =>
        Assert.Equal((expand, unpack), (ArtifactEncodings.ExpandCommand(file), ArtifactEncodings.UnpackCommand(file)));

    [Theory]
    [InlineData(nameof(ArtifactEncoding.Gzip), 0)]
    [InlineData(nameof(ArtifactEncoding.Gzip), 3_000_000)]
    [InlineData(nameof(ArtifactEncoding.Zstd), 0)]
    [InlineData(nameof(ArtifactEncoding.Zstd), 3_000_000)]
    [InlineData(nameof(ArtifactEncoding.None), 0)]
    [InlineData(nameof(ArtifactEncoding.None), 3_000_000)]
    public async Task What_was_written_is_read_back_with_the_same_digests(string encoding, int length)
    {
        var (how, content) = (Enum.Parse<ArtifactEncoding>(encoding), Some.Noise(length));
        using var stored = new MemoryStream();
        var written = await ArtifactWriter.WriteAsync(how, stored, 1, (stream, token) => stream.WriteAsync(content, token).AsTask(), progress: null, CancellationToken.None);
        stored.Position = 0;
        using var back = new MemoryStream();

        var reading = await ArtifactReader.ReadAsync(how, stored, back, progress: null, CancellationToken.None);

        Assert.Equal(new ArtifactReading(written.Stored, written.Content, EncodingFailure: null), reading);
        Assert.Equal(content, back.ToArray());
        Assert.Equal(how == ArtifactEncoding.None, written.Stored == written.Content);
        Assert.Equal(how == ArtifactEncoding.None ? null : true, how.IsOurs(stored.GetBuffer().AsSpan(0, (int)Math.Min(stored.Length, ArtifactEncodings.HeaderSize))));
    }
}
