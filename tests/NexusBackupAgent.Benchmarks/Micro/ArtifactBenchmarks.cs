using BenchmarkDotNet.Attributes;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>The artifact's stream by gzip level, on 64 MiB of database in memory: hash, compress, hash; and back.</summary>
[MicroBenchmark(isLong: true), MemoryDiagnoser]
public class ArtifactBenchmarks
{
    private byte[] content = [];
    private byte[] artifact = [];

    /// <summary>gzip level.</summary>
    [Params(1, 3, 6, 9)]
    public int Level { get; set; }

    [GlobalSetup]
    public void Prepare() // not asynchronous: nothing would wait for it
    {
        using var directory = new BenchmarkDirectory();
        var database = directory.File("itsm_nexus.db");
        ItsmDatabase.Create(database, ItsmDatabase.Bytes(64), isWal: false);
        content = File.ReadAllBytes(database);
        using var stored = new MemoryStream();
        WriteToAsync(stored).GetAwaiter().GetResult();
        artifact = stored.ToArray();
    }

    [Benchmark(Description = "write 64 MiB")]
    public Task Write() => WriteToAsync(Stream.Null);

    [Benchmark(Description = "read 64 MiB")]
    public async Task Read()
    {
        using var stored = new MemoryStream(artifact, writable: false);
        var reading = await ArtifactReader.ReadAsync(stored, Stream.Null, progress: null, CancellationToken.None);
        Require(reading.Content?.Length);
    }

    private async Task WriteToAsync(Stream stored)
    {
        var digests = await ArtifactWriter.WriteAsync(
            stored, Level, (destination, token) => destination.WriteAsync(content, token).AsTask(), progress: null, CancellationToken.None);
        Require(digests.Content.Length);
    }

    /// <summary>A time is worth nothing if the work was not done.</summary>
    private static void Require(long? length)
    {
        if (length is null || length < ItsmDatabase.Bytes(64))
            throw new InvalidOperationException($"{length} bytes went through instead of 64 MiB");
    }
}
