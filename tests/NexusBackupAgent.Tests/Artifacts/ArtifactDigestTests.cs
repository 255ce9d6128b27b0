using NexusBackupAgent.Artifacts;

namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>A digest keeps a SHA-256 in 32 bytes, and whatever else stood in its place as it was.</summary>
public sealed class ArtifactDigestTests
{
    private static readonly string Hash = string.Concat(Enumerable.Range(0, 32).Select(value => (value * 7).ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));

    [Fact]
    public void A_hash_comes_out_as_it_went_in()
    {
        var digest = new ArtifactDigest(5, Hash);
        Assert.Equal((5L, Hash, true, true), (digest.Length, digest.Sha256, digest.HasSha256, digest.IsKnown));
        Assert.Equal(digest, new ArtifactDigest(5, new string(Hash)));
        Assert.Equal(digest, ArtifactDigest.TryRead(5, System.Text.Encoding.ASCII.GetBytes(Hash)));
        Assert.Equal(digest.GetHashCode(), new ArtifactDigest(5, new string(Hash)).GetHashCode());
        Assert.NotEqual(digest, new ArtifactDigest(6, Hash));
        Assert.NotEqual(digest, new ArtifactDigest(5, Hash[..63] + "0"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("none")]
    [InlineData("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeF")]
    [InlineData("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg")]
    [InlineData("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd")]
    [InlineData("課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題課題")]
    public void What_is_none_stays_as_it_was_written(string text)
    {
        var digest = new ArtifactDigest(1, text);
        Assert.Equal((text, false, text.Length > 0), (digest.Sha256, digest.HasSha256, digest.IsKnown));
        Assert.Equal(digest, new ArtifactDigest(1, text));
        Assert.NotEqual(digest, new ArtifactDigest(1, Hash));
        Assert.Null(ArtifactDigest.TryRead(1, System.Text.Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void Nothing_is_no_hash() => Assert.Equal((null, false, false), (default(ArtifactDigest).Sha256, default(ArtifactDigest).HasSha256, default(ArtifactDigest).IsKnown));
}
