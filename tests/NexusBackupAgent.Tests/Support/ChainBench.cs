using System.Security.Cryptography;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A real database that changes, and a store with a full backup and increments of it, each an hour after the one before.</summary>
internal sealed class ChainBench : IDisposable
{
    private readonly Dictionary<BackupId, string> states = [];

    private ChainBench(StoreMaker? store) => Bench = new Workbench(Clock, store: store?.Invoke(Clock));

    /// <summary>Makes the store that a test wants to watch or to break.</summary>
    public delegate IBackupStore StoreMaker(ManualClock clock);

    public ManualClock Clock { get; } = new(Some.Instant);

    public Workbench Bench { get; }

    public ProtectedSource Source => Bench.Source with { TakesIncrements = true };

    /// <summary>SHA-256 of the database as it was when a backup was made.</summary>
    public IReadOnlyDictionary<BackupId, string> States => states;

    /// <param name="store">Null: a directory of the bench.</param>
    public static async Task<ChainBench> CreateAsync(StoreMaker? store = null)
    {
        var bench = new ChainBench(store);
        await SqliteSamples.SqlAsync(bench.Bench.Database, "CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, hex(randomblob(40)) FROM n;");
        return bench;
    }

    /// <summary>A full backup and as many increments, each on the one before.</summary>
    /// <returns>The full one first.</returns>
    public static async Task<(ChainBench Bench, IReadOnlyList<Backup> Chain)> WithAsync(int increments, StoreMaker? store = null)
    {
        var bench = await CreateAsync(store);
        var chain = new List<Backup> { await bench.FullAsync() };
        for (var count = 0; count < increments; count++)
            chain.Add(await bench.IncrementAsync());
        return (bench, chain);
    }

    public Task<Backup> FullAsync(string schedule = "daily") => MadeAsync(schedule, BackupType.Full);

    /// <summary>An increment on the newest good backup, or of a differential one on the newest full.</summary>
    public Task<Backup> IncrementAsync(string schedule = "daily", BackupType type = BackupType.Incremental) => MadeAsync(schedule, type);

    public Task<RunRecord> RunAsync(string schedule, BackupType type) =>
        Bench.Backups.RunAsync(Source, schedule, type, TimeSpan.Zero, progress: null, CancellationToken.None);

    public async Task<IReadOnlyList<BackupState>> StatesOldestFirstAsync() =>
        [.. (await Bench.BackupsAsync()).OrderBy(backup => backup.CapturedAt).Select(backup => backup.State)];

    public async Task<Backup> FindAsync(Backup backup) => (await Bench.BackupsAsync()).Single(listed => listed.Id == backup.Id);

    public string Stored(Backup backup) => Path.Combine(Bench.StorePath, backup.File);

    public Task<Backup> VerifyAsync(Backup backup) => Bench.Verifications.VerifyAsync(Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);

    public void Dispose() => Bench.Dispose();

    private async Task<Backup> MadeAsync(string schedule, BackupType type)
    {
        await SqliteSamples.SqlAsync(Bench.Database, "UPDATE t SET note = hex(randomblob(40)) WHERE id % 500 = abs(random() % 500); INSERT INTO t (note) SELECT hex(randomblob(200)) FROM t LIMIT 40;");
        var run = await RunAsync(schedule, type);
        Assert.Null(run.Failure);
        var backup = run.Outcome!.Backup;
        Assert.Equal((BackupState.Good, type), (backup.State, backup.Manifest.Type));
        states[backup.Id] = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Bench.Database)));
        Clock.Advance(TimeSpan.FromHours(1));
        return backup;
    }
}
