using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

/// <summary>A file for readers that stop behind the first gzip member.</summary>
public class SingleMemberTests
{
    /// <summary>Reads the first member alone; prints the content's SHA-256 and how many bytes lie behind it.</summary>
    private const string FirstMemberOnly = """
        import hashlib, sys, zlib
        inflater = zlib.decompressobj(31)
        content = inflater.decompress(open(sys.argv[1], 'rb').read())
        print(hashlib.sha256(content).hexdigest(), len(inflater.unused_data), inflater.eof)
        """;

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(FrameEngine.BlockSize - 1)]
    [InlineData(FrameEngine.BlockSize)]
    [InlineData(FrameEngine.BlockSize + 1)]
    [InlineData((5 * FrameEngine.BlockSize) + 12345)]
    public async Task A_reader_of_one_member_reads_all_of_it(int length)
    {
        Need.Tool("python3");
        Need.Tool("gzip");
        using var directory = new TempDirectory();
        var content = Content(length);
        var file = directory["artifact.gz"];
        ArtifactDigests written;
        await using (var stored = File.Create(file))
            written = await ArtifactWriter.WriteAsync(stored, new Compression(6, IsSingleMember: true), (stream, token) => stream.WriteAsync(content, token).AsTask(), progress: null, CancellationToken.None);

        Assert.Equal($"{Convert.ToHexStringLower(SHA256.HashData(content))} 0 True", await Shell.RunAsync("python3", "-c", FirstMemberOnly, file));
        await Shell.RunAsync("gzip", "-t", file);
        Assert.Equal(new ArtifactDigest(length, Convert.ToHexStringLower(SHA256.HashData(content))), written.Content);
        await using var again = File.OpenRead(file);
        var read = await ArtifactReader.ReadAsync(again, Stream.Null, progress: null, CancellationToken.None);
        Assert.Equal((written.Stored, written.Content, null), (read.Stored, read.Content!.Value, read.EncodingFailure));
    }

    [Fact]
    public async Task Whose_file_it_is_can_be_told_by_its_first_bytes()
    {
        using var stored = new MemoryStream();

        await ArtifactWriter.WriteAsync(stored, new Compression(1, IsSingleMember: true), (stream, token) => stream.WriteAsync(Content(10), token).AsTask(), progress: null, CancellationToken.None);

        Assert.True(ArtifactEncoding.Gzip.IsOurs(stored.ToArray().AsSpan(0, ArtifactEncodings.HeaderSize)));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(1000, 1)]
    [InlineData(1, 1000)]
    [InlineData(77777, 1048576)]
    public void The_checksum_of_two_texts_follows_from_theirs(int first, int second)
    {
        var content = Content(first + second);

        Assert.Equal(Of(content), Crc32.Append(Of(content[..first]), Of(content[first..]), second));
    }

    /// <summary>As .NET's zlib computes it.</summary>
    private static uint Of(byte[] content)
    {
        using var stored = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(stored, System.IO.Compression.CompressionLevel.NoCompression, leaveOpen: true))
            gzip.Write(content);
        return content.Length == 0 ? 0 : BitConverter.ToUInt32(stored.ToArray().AsSpan()[^8..^4]);
    }

    /// <summary>Half of it compresses.</summary>
    private static byte[] Content(int length)
    {
        var content = new byte[length];
        new Random(length).NextBytes(content.AsSpan(0, length / 2));
        return content;
    }
}
