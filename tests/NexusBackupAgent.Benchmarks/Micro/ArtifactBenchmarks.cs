using BenchmarkDotNet.Attributes;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>The artifact's stream by gzip level, on 64 MiB of database in memory: hash, compress, hash; and back.</summary>
[MicroBenchmark, MemoryDiagnoser]
public class ArtifactBenchmarks
{
    private byte[] content = [];
    private byte[] artifact = [];

    /// <summary>gzip level.</summary>
    [Params(1, 3, 6, 9)]
    public int Level { get; set; }

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        using var directory = new BenchmarkDirectory();
        var database = directory.File("itsm_nexus.db");
        ItsmDatabase.Create(database, ItsmDatabase.Bytes(64), isWal: false);
        content = await File.ReadAllBytesAsync(database);
        using var stored = new MemoryStream();
        await WriteToAsync(stored);
        artifact = stored.ToArray();
    }

    [Benchmark(Description = "write 64 MiB")]
    public Task Write() => WriteToAsync(Stream.Null);

    [Benchmark(Description = "read 64 MiB")]
    public async Task Read()
    {
        using var stored = new MemoryStream(artifact, writable: false);
        await ArtifactReader.ReadAsync(stored, Stream.Null, progress: null, CancellationToken.None);
    }

    private Task WriteToAsync(Stream stored) => ArtifactWriter.WriteAsync(
        stored, Level, (destination, token) => destination.WriteAsync(content, token).AsTask(), progress: null, CancellationToken.None);
}
