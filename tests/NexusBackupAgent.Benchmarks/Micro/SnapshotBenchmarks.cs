using BenchmarkDotNet.Attributes;
using Microsoft.Data.Sqlite;
using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources.Sqlite;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>Reading a consistent state of 64 MiB: through the WAL while it is open, or by way of a locked copy.</summary>
[MicroBenchmark(isLong: true), MemoryDiagnoser]
public class SnapshotBenchmarks
{
    private BenchmarkDirectory? directory;
    private SqliteConnection? application;
    private SqliteSource? source;

    /// <summary>Whether the database is in WAL mode; then some of its newest pages are only in the WAL.</summary>
    [Params(true, false)]
    public bool IsWal { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        directory = new BenchmarkDirectory();
        var database = directory.File("itsm_nexus.db");
        ItsmDatabase.Create(database, ItsmDatabase.Bytes(64), IsWal);
        application = ItsmDatabase.Open(database);
        ItsmDatabase.Execute(application, "PRAGMA wal_autocheckpoint = 0; UPDATE tickets SET updated_at = 'now' WHERE id % 50 = 0");
        source = new SqliteSource(database, new ScratchDirectory(directory.File("scratch")), TimeSpan.FromSeconds(5), TimeProvider.System);
    }

    [Benchmark(Description = "read 64 MiB")]
    public async Task Read()
    {
        await using var snapshot = await source!.OpenSnapshotAsync(CancellationToken.None);
        await snapshot.CopyToAsync(Stream.Null, CancellationToken.None);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        application?.Dispose();
        directory?.Dispose();
    }
}
