using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public class ArtifactEncodingTests
{
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
