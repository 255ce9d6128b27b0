using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>A store may hold a hundred thousand files, or be far away: a run looks at its directory once.</summary>
public sealed class OneListingTests : IDisposable
{
    private readonly TempDirectory temp = new();
    private readonly FaultyStore watched;
    private readonly Workbench bench;

    public OneListingTests()
    {
        watched = new FaultyStore(new LocalDirectoryStore("local", temp.Sub("store")), failing: 0, FaultTime.Before, staysDead: false);
        bench = new Workbench(TimeProvider.System, temp.Path, watched);
    }

    public void Dispose()
    {
        bench.Dispose();
        temp.Dispose();
    }

    [Theory]
    [InlineData(nameof(BackupType.Full))]
    [InlineData(nameof(BackupType.Differential))]
    [InlineData(nameof(BackupType.Incremental))]
    public async Task A_run_lists_the_directory_once(string type)
    {
        await SqliteSamples.SqlAsync(bench.Database, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
        await bench.RunAsync(BackupType.Full);
        await bench.RunAsync(BackupType.Incremental);
        var before = watched.Listings;

        var run = await bench.RunAsync(Enum.Parse<BackupType>(type));

        Assert.Null(run.Failure);
        Assert.Equal(type, run.Outcome!.Backup.Manifest.Type.ToString());
        Assert.Equal(1, watched.Listings - before);
    }
}
