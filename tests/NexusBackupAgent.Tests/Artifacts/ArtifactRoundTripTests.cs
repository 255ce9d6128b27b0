using System.IO.Compression;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public sealed class LibdeflateRoundTripTests() : ArtifactRoundTripTests(Libdeflate);

public sealed class ZlibRoundTripTests() : ArtifactRoundTripTests(Zlib);

/// <summary>What only gzip promises: its readers in every language, and files of every other writer.</summary>
public abstract class ArtifactRoundTripTests(string engine) : EngineTests(engine), IDisposable
{
    private const int Member = FrameEngine.BlockSize;
    private readonly TempDirectory temp = new();

    public void Dispose()
    {
        temp.Dispose();
        GC.SuppressFinalize(this);
    }

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Member)]
    [InlineData(3 * Member + 7)]
    public async Task Gunzip_and_python_read_it_without_the_agent(int length)
    {
        Need.Tool("gunzip");
        Need.Tool("python3");
        var content = Some.Text(length);
        await File.WriteAllBytesAsync(temp["content"], content);
        await File.WriteAllBytesAsync(temp["a.db.gz"], await ArtifactAsync(content));

        await Shell.BashAsync($"cd '{temp.Path}'; gunzip -t a.db.gz 2>&1; gunzip -c a.db.gz | cmp - content");
        await Shell.RunAsync("python3", "-c", """
            import gzip, sys, zlib
            stored, content = open(sys.argv[1], 'rb').read(), open(sys.argv[2], 'rb').read()
            assert gzip.decompress(stored) == content
            whole, members = b'', 0
            while stored:
                inflater = zlib.decompressobj(31)
                whole += inflater.decompress(stored) + inflater.flush()
                assert inflater.eof
                stored, members = inflater.unused_data, members + 1
            assert whole == content and members == max(1, -(-len(content) // 1048576)), members
            """, temp["a.db.gz"], temp["content"]);
    }

    [SkippableFact]
    public async Task Gzip_files_that_somebody_else_made_are_read_as_well()
    {
        Need.Tool("gzip");
        var content = Some.Text(2 * Member + 5);
        await File.WriteAllBytesAsync(temp["one"], content);
        await File.WriteAllBytesAsync(temp["two"], Some.Noise(4000));
        await Shell.BashAsync($"cd '{temp.Path}'; gzip -k one; gzip -kn two; cat one.gz two.gz one.gz > many.gz; : | gzip > none.gz");

        byte[] many = [.. content, .. Some.Noise(4000), .. content];
        Assert.Equal(content, await ContentOf("one.gz"));
        Assert.Equal(many, await ContentOf("many.gz"));
        Assert.Empty(await ContentOf("none.gz"));
    }

    [SkippableFact]
    public async Task Members_of_another_maker_may_end_anywhere_in_the_reader_s_buffers()
    {
        // Members whose stored sizes sweep across the borders of 4, 8 and 16 KiB.
        for (var length = 8100; length < 8220; length++)
        {
            var noise = Some.Noise(length);
            var two = Gzip(noise).Concat(Gzip(noise)).ToArray();
            using var content = new MemoryStream();
            var reading = await ReadAsync(new MemoryStream(two), content);
            Assert.Null(reading.EncodingFailure);
            Assert.Equal([.. noise, .. noise], content.ToArray());
        }
    }

    internal static byte[] Gzip(byte[] content)
    {
        using var stored = new MemoryStream();
        using (var gzip = new GZipStream(stored, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(content);
            if (content.Length == 0)
                gzip.Flush();
        }

        return stored.ToArray();
    }

    private async Task<byte[]> ContentOf(string file)
    {
        await using var stored = File.OpenRead(temp[file]);
        using var content = new MemoryStream();
        var reading = await ReadAsync(stored, content);
        Assert.Null(reading.EncodingFailure);
        Assert.Equal(content.Length, reading.Content!.Value.Length);
        return content.ToArray();
    }
}
