using System.Buffers.Binary;
using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public sealed class LibdeflateDamageTests() : ArtifactDamageTests(Libdeflate);

public sealed class ZlibDamageTests() : ArtifactDamageTests(Zlib);

/// <summary>Damage is a finding, never an exception and never good; the stored bytes are hashed to their end all the same.</summary>
public abstract class ArtifactDamageTests(string engine) : EngineTests(engine)
{
    private const int Member = FrameEngine.BlockSize;
    private static readonly byte[] Content = Some.Text(2 * Member + 3000);

    [SkippableFact]
    public async Task An_empty_file_is_damage() => await AssertDamagedAsync([], "empty");

    [SkippableTheory]
    [InlineData("x")]
    [InlineData("SQLite format 3\0 and no gzip at all, for more than twenty bytes")]
    [InlineData("\x1f")]
    public async Task A_file_that_is_not_gzip_is_damage(string text) => await AssertDamagedAsync([.. text.Select(letter => (byte)letter)], "gzip");

    [SkippableFact]
    public async Task An_artifact_cut_off_anywhere_but_between_its_members_is_damaged()
    {
        var whole = await ArtifactAsync(Content);
        var borders = BordersOf(whole);
        var cuts = borders.SelectMany(border => (int[])[border - 9, border - 8, border - 4, border - 1, border + 1, border + 4, border + 10, border + 19, border + 20, border + 21])
            .Where(cut => cut > 0 && cut < whole.Length)
            .Append(whole.Length / 2);

        foreach (var cut in cuts)
            await AssertDamagedAsync(whole[..cut], why: null, $"cut at {cut} of {whole.Length}");
    }

    /// <summary>Damage in the first member is known while the next ones are still being read, by a stream that loses what it read when it is cancelled.</summary>
    [SkippableFact]
    public async Task Every_stored_byte_is_hashed_however_early_the_damage_is_found()
    {
        var whole = await ArtifactAsync(Some.Noise(6 * Member));
        whole[1000] ^= 4;
        await using var slow = new SlowStream(whole);

        var reading = await ReadAsync(slow, Stream.Null);

        Assert.NotNull(reading.EncodingFailure);
        Assert.Equal((whole.Length, Convert.ToHexStringLower(SHA256.HashData(whole))), (reading.Stored.Length, reading.Stored.Sha256));
    }

    [SkippableFact]
    public async Task An_artifact_cut_off_between_two_members_shows_in_its_digests_only()
    {
        var whole = await ArtifactAsync(Content);
        var reading = await ReadAsync(whole[..BordersOf(whole)[1]]);

        Assert.Null(reading.EncodingFailure);
        Assert.Equal(Member, reading.Content!.Value.Length);
    }

    [SkippableFact]
    public async Task A_flipped_bit_anywhere_is_damage_or_harmless()
    {
        var whole = await ArtifactAsync(Content);
        var borders = BordersOf(whole);

        // Magic, method, flags, extra field, the member's length, the content …
        var positions = borders.SkipLast(1).SelectMany(border => Enumerable.Range(border, GzipMember.HeaderSize).Concat([border + 20, border + 25, border + 200, border + 1000]));

        // … and the trailer: checksum and length.
        positions = positions.Concat(borders.Skip(1).SelectMany(border => Enumerable.Range(border - 8, 8)));
        foreach (var at in positions.Where((position, number) => position < whole.Length && (TestScope.IsWhole || number % 3 == 0)))
            await AssertFlipIsFoundAsync(whole, at);
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(10)]
    public async Task A_flipped_bit_in_what_matters_of_the_header_is_damage(int at)
    {
        var artifact = await ArtifactAsync(Content);
        artifact[at] ^= 0x10;
        await AssertDamagedAsync(artifact);
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(19)]
    [InlineData(20)]
    [InlineData(5000)]
    public async Task Garbage_after_the_last_member_is_damage(int length)
    {
        var artifact = await ArtifactAsync(Content);
        await AssertDamagedAsync([.. artifact, .. Enumerable.Repeat((byte)'x', length)]);
        await AssertDamagedAsync([.. artifact, .. new byte[length]]);
        await AssertDamagedAsync([.. ArtifactRoundTripTests.Gzip(Content), .. Enumerable.Repeat((byte)'x', length)]);
        await AssertDamagedAsync([.. ArtifactRoundTripTests.Gzip(Content), .. new byte[length]]);
    }

    [SkippableFact]
    public async Task A_foreign_gzip_file_cut_off_anywhere_is_damage()
    {
        var one = ArtifactRoundTripTests.Gzip(Some.Noise(3000));
        var many = (byte[])[.. one, .. one];
        foreach (var cut in Cuts(1, one.Length))
            await AssertDamagedAsync(one[..cut], why: null, $"one member, cut at {cut} of {one.Length}");
        foreach (var cut in Cuts(one.Length + 1, many.Length))
            await AssertDamagedAsync(many[..cut], why: null, $"two members, cut at {cut} of {many.Length}");
    }

    /// <summary>Near the ends, where the header and the trailer are, and here and there between them; or all.</summary>
    private static IEnumerable<int> Cuts(int first, int end) =>
        Enumerable.Range(first, end - first).Where(cut => TestScope.IsWhole || cut - first < 24 || end - cut < 24 || cut % 307 == 0);

    [SkippableFact]
    public async Task A_large_foreign_gzip_file_cut_off_between_two_reads_is_damage()
    {
        var whole = ArtifactRoundTripTests.Gzip(Some.Noise(3 * Member));
        foreach (var cut in (int[])[8192, 65536, Member, 2 * Member + 8192, whole.Length - 8, whole.Length - 1])
            await AssertDamagedAsync(whole[..cut], why: null, $"cut at {cut} of {whole.Length}");
    }

    [SkippableFact]
    public async Task A_flipped_bit_in_a_foreign_gzip_file_is_damage()
    {
        var whole = ArtifactRoundTripTests.Gzip(Content);
        foreach (var at in (int[])[0, 1, 2, 10, 100, whole.Length / 2, whole.Length - 8, whole.Length - 5, whole.Length - 4, whole.Length - 1])
            await AssertFlipIsFoundAsync(whole, at);
    }

    /// <summary>The final block's mark flipped: all content comes out, and the checksum behind it would go unread.</summary>
    [SkippableFact]
    public async Task A_member_that_does_not_end_is_damage()
    {
        var incompressible = await ArtifactAsync(Some.Noise(500));
        incompressible[GzipMember.HeaderSize] ^= 1;
        await AssertDamagedAsync(incompressible);
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(499)]
    [InlineData(501)]
    [InlineData(516)]
    [InlineData(int.MaxValue)]
    public async Task A_member_that_claims_a_wrong_size_of_content_is_damage(int claimed)
    {
        var artifact = await ArtifactAsync(Some.Text(500));
        BinaryPrimitives.WriteInt32LittleEndian(artifact.AsSpan(artifact.Length - sizeof(int)), claimed);
        await AssertDamagedAsync(artifact);
    }

    [SkippableFact]
    public async Task A_member_that_claims_a_wrong_size_of_itself_is_not_believed()
    {
        var artifact = await ArtifactAsync(Some.Text(500));
        artifact[19] = 0x7f; // 2 GiB
        Assert.Equal(500, (await ReadAsync(artifact)).Content!.Value.Length);
        artifact[19] = 0;
        artifact[16]++;
        await AssertDamagedAsync(artifact);
        artifact[16] -= 2;
        await AssertDamagedAsync(artifact);
    }

    [SkippableFact]
    public async Task A_read_error_is_no_damage()
    {
        var failing = new FailingStream(await ArtifactAsync(Content), failAfter: 40);
        var error = await Assert.ThrowsAsync<IOException>(() => ReadAsync(failing, Stream.Null));
        Assert.Equal("the disk is on fire", error.Message);

        var foreign = new FailingStream(ArtifactRoundTripTests.Gzip(Content), failAfter: 4000);
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(foreign, Stream.Null));
    }

    [SkippableFact]
    public async Task A_place_that_cannot_take_the_content_is_no_damage()
    {
        var full = new FailingStream([], failAfter: 0);
        var artifact = await ArtifactAsync(Some.Noise(20 * Member));
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(new MemoryStream(artifact), full));
    }

    /// <summary>Some bits of the header mean nothing to gzip; then the content is what it was, and only the stored digest tells.</summary>
    private async Task AssertFlipIsFoundAsync(byte[] whole, int at)
    {
        var intact = await ReadAsync(whole);
        var flipped = (byte[])whole.Clone();
        flipped[at] ^= 0x10;
        var reading = await ReadAsync(flipped);
        Assert.True(reading.EncodingFailure is not null || reading.Content == intact.Content, $"byte {at} of {whole.Length} flipped and not noticed");
        Assert.NotEqual(intact.Stored, reading.Stored);
        AssertStored(flipped, reading);
    }

    private async Task AssertDamagedAsync(byte[] artifact, string? why = null, string? what = null)
    {
        var reading = await ReadAsync(artifact);
        Assert.True(reading.EncodingFailure is not null, what ?? $"{artifact.Length} bytes taken for good");
        Assert.Null(reading.Content);
        AssertStored(artifact, reading);
        if (why is not null)
            Assert.Contains(why, reading.EncodingFailure, StringComparison.Ordinal);
    }

    private static void AssertStored(byte[] artifact, ArtifactReading reading) =>
        Assert.Equal(new ArtifactDigest(artifact.Length, Convert.ToHexStringLower(SHA256.HashData(artifact))), reading.Stored);

    private Task<ArtifactReading> ReadAsync(byte[] artifact) => ReadAsync(new MemoryStream(artifact), Stream.Null);

    private static List<int> BordersOf(byte[] artifact)
    {
        var borders = new List<int> { 0 };
        while (borders[^1] < artifact.Length)
        {
            Assert.True(GzipMember.TryReadLength(artifact.AsSpan(borders[^1], GzipMember.HeaderSize), out var length));
            borders.Add(borders[^1] + length);
        }

        return borders;
    }
}
