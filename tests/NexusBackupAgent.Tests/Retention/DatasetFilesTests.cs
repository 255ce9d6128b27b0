using System.Security.Cryptography;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Retention;

/// <summary>The dataset document's strategy with real files, runs and retention, its periods in hours for days.</summary>
public sealed class DatasetFilesTests
{
    private static readonly Dictionary<string, RetentionPeriod> Periods = new(StringComparer.Ordinal)
    {
        ["full_backup"] = RetentionPeriod.Parse("30h"),
        ["differential_backup"] = RetentionPeriod.Parse("7h"),
        ["incremental_backup"] = RetentionPeriod.Parse("3h"),
    };

    private readonly Dictionary<BackupId, string> states = [];

    [SkippableFact]
    public async Task Every_restore_point_that_is_kept_gives_the_bytes_that_were_captured_though_bases_are_damaged_on_the_way()
    {
        using var bench = await ChainBench.CreateAsync();
        var source = bench.Source with { Retention = Periods };
        var random = new Random(1);
        for (var hour = 0; hour < 18; hour++)
        {
            if (hour % 7 == 0)
                await RunAsync(bench, source, "full_backup", BackupType.Full);
            await RunAsync(bench, source, "differential_backup", BackupType.Differential);
            for (var quarter = 0; quarter < 4; quarter++)
            {
                await RunAsync(bench, source, "incremental_backup", BackupType.Incremental);
                bench.Clock.Advance(TimeSpan.FromMinutes(15));
            }

            if (hour % 8 == 5)
                await RuinAsync(bench, source, random);
        }

        var backups = await bench.Bench.BackupsAsync();
        Assert.All(backups.Where(backup => states.ContainsKey(backup.Id)), backup => Assert.Equal(states[backup.Id], RestoredSha256(backup)));
        var good = backups.Where(backup => backup.State == BackupState.Good).ToList();
        Assert.InRange(good.Count, 15, 40);
        foreach (var backup in good)
            Assert.Equal(BackupState.Good, (await bench.VerifyAsync(backup)).State); // the digest of what it gives with its bases included
        Assert.All(backups.Where(backup => backup.State != BackupState.Good), backup => Assert.True(backup.IsSetAside || backup.HasBrokenChain));
    }

    private async Task RunAsync(ChainBench bench, ProtectedSource source, string schedule, BackupType type)
    {
        bench.Clock.Advance(TimeSpan.FromSeconds(1));
        await SqliteSamples.SqlAsync(bench.Bench.Database, "UPDATE t SET note = hex(randomblob(40)) WHERE id = abs(random() % 3000)");
        var run = await bench.Bench.Backups.RunAsync(source, schedule, type, TimeSpan.Zero, progress: null, CancellationToken.None);
        Assert.Null(run.Failure);
        states[run.Outcome!.Backup.Id] = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(bench.Bench.Database)));
    }

    /// <summary>Damages a base; it is found, and a full backup follows.</summary>
    private async Task RuinAsync(ChainBench bench, ProtectedSource source, Random random)
    {
        var bases = (await bench.Bench.BackupsAsync()).SelectMany(backup => backup.Bases).Where(backup => backup.State == BackupState.Good).DistinctBy(backup => backup.Id).ToList();
        var damaged = bases[random.Next(bases.Count)];
        Damage.FlipBit(bench.Stored(damaged));
        Assert.True((await bench.VerifyAsync(damaged)).IsSetAside);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var run = await bench.Bench.Replacements.RunIfDueAsync(source, TimeSpan.Zero, progress: null, CancellationToken.None);
        Assert.Equal((null, BackupType.Full), (run!.Failure, run.Outcome!.Backup.Manifest.Type));
        states[run.Outcome.Backup.Id] = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(bench.Bench.Database)));
    }

    private static string RestoredSha256(Backup backup) => (backup.Manifest.Restored ?? backup.Manifest.Content).Sha256;
}
