using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public class ArtifactEncodingTests
{
    [Theory]
    [InlineData(nameof(ArtifactEncoding.Gzip), 0)]
    [InlineData(nameof(ArtifactEncoding.Gzip), 3_000_000)]
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
        Assert.Equal(how == ArtifactEncoding.Gzip ? true : null, how.IsOurs(stored.GetBuffer().AsSpan(0, (int)Math.Min(stored.Length, ArtifactEncodings.HeaderSize))));
    }

    [Fact]
    public async Task Zstd_is_refused_by_name_with_what_to_do_without_the_agent()
    {
        var writing = await Assert.ThrowsAsync<BackupException>(async () => await ArtifactWriter.WriteAsync(ArtifactEncoding.Zstd, Stream.Null, 1, (_, _) => Task.CompletedTask, null, CancellationToken.None));
        var reading = await Assert.ThrowsAsync<BackupException>(async () => await ArtifactReader.ReadAsync(ArtifactEncoding.Zstd, Stream.Null, Stream.Null, null, CancellationToken.None));
        Assert.All([writing, reading], refused => Assert.Contains("zstd", refused.Message, StringComparison.Ordinal));
        Assert.Contains("zstd -d", reading.Hint, StringComparison.Ordinal);
    }
}
