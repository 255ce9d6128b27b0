namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>Space for one benchmark, deleted at its end.</summary>
internal sealed class BenchmarkDirectory : IDisposable
{
    public BenchmarkDirectory()
    {
        var parent = Environment.GetEnvironmentVariable("BENCHMARK_DIRECTORY") ?? System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(System.IO.Path.GetFullPath(parent), $"nexus-backup-benchmark-{Environment.ProcessId}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    /// <summary>The absolute path of a file in it.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
