using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Artifacts.Zstd;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public sealed class LibdeflateFrameTests() : FrameRoundTripTests(Libdeflate);

public sealed class ZlibFrameTests() : FrameRoundTripTests(Zlib);

public sealed class ZstdFrameTests() : FrameRoundTripTests(Zstd);

/// <summary>What holds of an artifact whatever compressed it.</summary>
public abstract class FrameRoundTripTests(string engine) : EngineTests(engine), IDisposable
{
    private const int Frame = FrameEngine.BlockSize;
    private readonly TempDirectory temp = new();

    public void Dispose()
    {
        temp.Dispose();
        GC.SuppressFinalize(this);
    }

    public static TheoryData<int, bool> Contents()
    {
        var rows = new TheoryData<int, bool>();
        foreach (var length in (int[])[0, 1, 100, Frame - 1, Frame, Frame + 1, 2 * Frame, 5 * Frame + 12345])
        {
            rows.Add(length, true);
            rows.Add(length, false);
        }

        return rows;
    }

    [SkippableTheory]
    [MemberData(nameof(Contents))]
    public async Task What_was_written_is_read_back_with_the_same_digests_and_by_its_own_tool(int length, bool compressible)
    {
        var tool = Engine is ZstdEngine ? "zstd" : "gzip";
        Need.Tool(tool);
        var content = compressible ? Some.Text(length) : Some.Noise(length);
        using var stored = new MemoryStream();
        var written = await WriteAsync(stored, (stream, token) => stream.WriteAsync(content, token).AsTask());

        using var back = new MemoryStream();
        var reading = await ReadAsync(new MemoryStream(stored.ToArray()), back);

        Assert.Equal(content, back.ToArray());
        Assert.Equal(new ArtifactDigest(length, Convert.ToHexStringLower(SHA256.HashData(content))), written.Content);
        Assert.Equal(new ArtifactDigest(stored.Length, Convert.ToHexStringLower(SHA256.HashData(stored.ToArray()))), written.Stored);
        Assert.Equal(new ArtifactReading(written.Stored, written.Content, EncodingFailure: null), reading);
        await File.WriteAllBytesAsync(temp["content"], content);
        await File.WriteAllBytesAsync(temp["artifact"], stored.ToArray());
        await Shell.BashAsync($"cd '{temp.Path}'; {tool} -qt < artifact; {tool} -qdc < artifact | cmp - content");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_frame_stands_for_itself_and_says_its_length(bool isSmallest)
    {
        var content = Some.Text(2 * Frame + 5);
        var artifact = await ArtifactAsync(content, isSmallest ? (Engine is ZstdEngine ? 19 : 9) : 1);

        var frames = new List<byte[]>();
        for (var at = 0; at < artifact.Length; at += frames[^1].Length)
        {
            Assert.True(Engine.TryReadLength(artifact.AsSpan(at, Math.Min(ArtifactEncodings.HeaderSize, artifact.Length - at)), out var length));
            frames.Add(artifact[at..(at + length)]);
        }

        Assert.Equal(3, frames.Count);
        Assert.Equal(artifact.Length, frames.Sum(frame => frame.Length));
        for (var place = 0; place < 3; place++)
        {
            using var alone = new MemoryStream();
            Assert.Null((await ReadAsync(new MemoryStream(frames[place]), alone)).EncodingFailure);
            Assert.Equal(content.Skip(place * Frame).Take(Frame), alone.ToArray());
        }
    }

    [SkippableFact]
    public async Task The_same_content_always_gives_the_same_artifact_however_it_is_written()
    {
        var content = Some.Text(2 * Frame + 99);
        using var inPieces = new MemoryStream();
        await WriteAsync(
            inPieces,
            async (stream, token) =>
            {
                foreach (var piece in content.Chunk(7777))
                    await stream.WriteAsync(piece, token);
            });

        Assert.Equal(await ArtifactAsync(content), inPieces.ToArray());
    }
}
