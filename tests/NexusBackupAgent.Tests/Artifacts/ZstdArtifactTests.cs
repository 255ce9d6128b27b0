using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Zstd;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>What only Zstandard promises: every file of it is read, and no damage passes for good.</summary>
public sealed class ZstdArtifactTests() : EngineTests(Zstd), IDisposable
{
    private const int Frame = FrameEngine.BlockSize;
    private readonly TempDirectory temp = new();

    public void Dispose() => temp.Dispose();

    /// <summary>Of known and unknown length, with and without a checksum, with a large window, of several frames.</summary>
    [SkippableTheory]
    [InlineData("zstd -q -c content")]
    [InlineData("cat content | zstd -q --no-check")]
    [InlineData("zstd -q -19 --long -c content")]
    [InlineData("zstd -q -c content && : | zstd -q")]
    public async Task What_others_wrote_is_read(string command)
    {
        Need.Tool("zstd");
        var content = (byte[])[.. Some.Text(2 * Frame + 77), .. Some.Noise(Frame)];
        await File.WriteAllBytesAsync(temp["content"], content);
        await Shell.BashAsync($"cd '{temp.Path}'; ({command}) > a.db.zst");
        var foreign = await File.ReadAllBytesAsync(temp["a.db.zst"]);
        Assert.False(ArtifactEncoding.Zstd.IsOurs(foreign));

        using var back = new MemoryStream();
        Assert.Null((await ReadAsync(new MemoryStream(foreign), back)).EncodingFailure);
        Assert.Equal(content, back.ToArray());

        foreach (var cut in (int[])[1, 3, 4, 5, foreign.Length / 2, foreign.Length - 5, foreign.Length - 1])
            await AssertDamagedAsync(foreign[..cut], $"cut at {cut} of {foreign.Length}");
    }

    [Fact]
    public async Task What_is_no_zstd_is_damage()
    {
        await AssertDamagedAsync([], "empty");
        await AssertDamagedAsync([.. "x"u8], "one letter");
        await AssertDamagedAsync([.. "SQLite format 3\0 and no zstd at all, for more than twenty bytes"u8], "no zstd");
        var artifact = await ArtifactAsync(Some.Text(500));
        await AssertDamagedAsync([.. artifact, .. "garbage"u8], "garbage behind it");
        await AssertDamagedAsync([.. artifact, .. new byte[5000]], "zeros behind it");
    }

    [Fact]
    public async Task An_artifact_cut_off_anywhere_but_between_its_frames_is_damaged()
    {
        var whole = await ArtifactAsync(Some.Text(2 * Frame + 3000));
        foreach (var cut in BordersOf(whole).SelectMany(border => (int[])[border - 4, border - 1, border + 1, border + 8, border + 16, border + 17, border + 25]).Where(cut => cut > 0 && cut < whole.Length).Append(whole.Length / 2))
            await AssertDamagedAsync(whole[..cut], $"cut at {cut} of {whole.Length}");
    }

    [Fact]
    public async Task A_flipped_bit_anywhere_is_damage_or_harmless()
    {
        var whole = await ArtifactAsync(Some.Text(Frame + 3000));
        var intact = await ReadAsync(whole);
        var positions = BordersOf(whole).SkipLast(1).SelectMany(border => Enumerable.Range(border, 40)).Concat(Enumerable.Range(1, 40).Select(back => whole.Length - back));
        foreach (var at in positions.Concat(Enumerable.Range(0, 60).Select(part => part * (whole.Length / 60))))
        {
            var flipped = (byte[])whole.Clone();
            flipped[at] ^= 0x10;
            var reading = await ReadAsync(flipped);
            Assert.True(reading.EncodingFailure is not null || reading.Content == intact.Content, $"byte {at} of {whole.Length} flipped and not noticed");
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(flipped)), reading.Stored.Sha256);
        }
    }

    private Task<ArtifactReading> ReadAsync(byte[] artifact) => ReadAsync(new MemoryStream(artifact), Stream.Null);

    private async Task AssertDamagedAsync(byte[] artifact, string what)
    {
        var reading = await ReadAsync(artifact);
        Assert.True(reading.EncodingFailure is not null && reading.Content is null, what);
        Assert.Equal(new ArtifactDigest(artifact.Length, Convert.ToHexStringLower(SHA256.HashData(artifact))), reading.Stored);
    }

    private static List<int> BordersOf(byte[] artifact)
    {
        var borders = new List<int> { 0 };
        while (borders[^1] < artifact.Length)
        {
            Assert.True(ZstdFrame.TryReadLength(artifact.AsSpan(borders[^1]), out var length));
            borders.Add(borders[^1] + length);
        }

        return borders;
    }
}
