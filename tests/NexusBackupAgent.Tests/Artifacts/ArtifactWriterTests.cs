using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Tests.Support;
using NSubstitute;

namespace NexusBackupAgent.Tests.Artifacts;

public sealed class LibdeflateWriterTests() : ArtifactWriterTests(Libdeflate);

public sealed class ZlibWriterTests() : ArtifactWriterTests(Zlib);

public abstract class ArtifactWriterTests(string engine) : EngineTests(engine)
{
    private const int Member = FrameEngine.BlockSize;

    [SkippableFact]
    public async Task A_destination_that_fails_stops_the_capture_and_tells_its_own_reason()
    {
        var error = await Assert.ThrowsAsync<IOException>(() => Limited(WriteAsync(new FailingStream([], 0), Endless)));
        Assert.Equal("the disk is on fire", error.Message);
    }

    [SkippableFact]
    public async Task A_capture_that_fails_tells_its_own_reason()
    {
        using var stored = new MemoryStream();
        var error = await Assert.ThrowsAsync<InvalidTimeZoneException>(() => Limited(WriteAsync(
            stored,
            async (stream, token) =>
            {
                await stream.WriteAsync(Some.Noise(3 * Member + 1), token);
                throw new InvalidTimeZoneException("mine");
            })));
        Assert.Equal("mine", error.Message);
    }

    [SkippableFact]
    public async Task Cancelling_ends_both_directions()
    {
        using var stop = new CancellationTokenSource();
        var writing = WriteAsync(new CancellingStream(stop), Endless, cancellationToken: stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Limited(writing));

        using var stopReading = new CancellationTokenSource();
        var artifact = await ArtifactAsync(Some.Noise(10 * Member));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Limited(ReadAsync(new MemoryStream(artifact), new CancellingStream(stopReading), cancellationToken: stopReading.Token)));
    }

    [SkippableFact]
    public async Task Progress_counts_content_bytes_up_to_the_whole()
    {
        var reports = Substitute.For<IProgress<long>>();
        using var stored = new MemoryStream();
        await WriteAsync(stored, (stream, token) => stream.WriteAsync(Some.Text(2 * Member + 5), token).AsTask(), reports, level: 1);
        Assert.Equal([Member, 2 * Member, 2 * Member + 5], Reported(reports));

        var read = Substitute.For<IProgress<long>>();
        await ReadAsync(new MemoryStream(stored.ToArray()), Stream.Null, read);
        Assert.Equal(stored.Length, Reported(read)[^1]);
        Assert.Equal(Reported(read).Order(), Reported(read));
    }

    /// <summary>In a process of its own: 300 MB that do not compress, written and read back.</summary>
    [SkippableFact]
    public async Task Memory_is_bounded_however_long_the_content_is()
    {
        var peak = long.Parse(await Child.RunAsync("peak-memory", Engine.Name, "300"), System.Globalization.CultureInfo.InvariantCulture);
        var least = long.Parse(await Child.RunAsync("peak-memory", Engine.Name, "0"), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(peak - least, 0, 60 << 20);
    }

    private static async Task Endless(Stream destination, CancellationToken cancellationToken)
    {
        var block = Some.Noise(Member);
        while (true)
            await destination.WriteAsync(block, cancellationToken);
    }

    private static Task Limited(Task task) => task.WaitAsync(TimeSpan.FromMinutes(3));

    private static long[] Reported(IProgress<long> progress) => [.. progress.ReceivedCalls().Select(call => (long)call.GetArguments()[0]!)];

    /// <summary>Takes some, and is then told to stop.</summary>
    private sealed class CancellingStream(CancellationTokenSource stop) : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await stop.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
