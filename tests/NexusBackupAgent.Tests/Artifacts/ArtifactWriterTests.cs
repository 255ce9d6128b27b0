using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Artifacts;

public sealed class ArtifactWriterTests
{
    private const int Member = GzipMember.ContentSize;

    [Fact]
    public async Task A_destination_that_fails_stops_the_capture_and_tells_its_own_reason()
    {
        var error = await Assert.ThrowsAsync<IOException>(() => Limited(ArtifactWriter.WriteAsync(new FailingStream([], 0), 6, Endless, null, CancellationToken.None)));
        Assert.Equal("the disk is on fire", error.Message);
    }

    [Fact]
    public async Task A_capture_that_fails_tells_its_own_reason()
    {
        using var stored = new MemoryStream();
        var error = await Assert.ThrowsAsync<InvalidTimeZoneException>(() => Limited(ArtifactWriter.WriteAsync(
            stored,
            6,
            async (stream, token) =>
            {
                await stream.WriteAsync(Some.Noise(3 * Member + 1), token);
                throw new InvalidTimeZoneException("mine");
            },
            null,
            CancellationToken.None)));
        Assert.Equal("mine", error.Message);
    }

    [Fact]
    public async Task Cancelling_ends_both_directions()
    {
        using var stop = new CancellationTokenSource();
        var writing = ArtifactWriter.WriteAsync(new CancellingStream(stop), 6, Endless, null, stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Limited(writing));

        using var stopReading = new CancellationTokenSource();
        var artifact = await Some.ArtifactAsync(Some.Noise(10 * Member));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Limited(ArtifactReader.ReadAsync(new MemoryStream(artifact), new CancellingStream(stopReading), null, stopReading.Token)));
    }

    [Fact]
    public async Task Progress_counts_content_bytes_up_to_the_whole()
    {
        var reports = new Reports();
        using var stored = new MemoryStream();
        await ArtifactWriter.WriteAsync(stored, 1, (stream, token) => stream.WriteAsync(Some.Text(2 * Member + 5), token).AsTask(), reports, CancellationToken.None);
        Assert.Equal([Member, 2 * Member, 2 * Member + 5], reports.Values);

        var read = new Reports();
        await ArtifactReader.ReadAsync(new MemoryStream(stored.ToArray()), Stream.Null, read, CancellationToken.None);
        Assert.Equal(stored.Length, read.Values[^1]);
        Assert.Equal(read.Values.Order(), read.Values);
    }

    /// <summary>In a process of its own: 300 MB that do not compress, written and read back.</summary>
    [Fact]
    public async Task Memory_is_bounded_however_long_the_content_is()
    {
        var peak = long.Parse(await Child.RunAsync("peak-memory", "300"), System.Globalization.CultureInfo.InvariantCulture);
        var least = long.Parse(await Child.RunAsync("peak-memory", "0"), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(peak - least, 0, 60 << 20);
    }

    private static async Task Endless(Stream destination, CancellationToken cancellationToken)
    {
        var block = Some.Noise(Member);
        while (true)
            await destination.WriteAsync(block, cancellationToken);
    }

    private static Task Limited(Task task) => task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Takes some, and is then told to stop.</summary>
    private sealed class CancellingStream(CancellationTokenSource stop) : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await stop.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private sealed class Reports : IProgress<long>
    {
        public List<long> Values { get; } = [];

        public void Report(long value) => Values.Add(value);
    }
}
