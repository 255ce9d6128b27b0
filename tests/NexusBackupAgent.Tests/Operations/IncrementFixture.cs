using System.Security.Cryptography;
using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Captures of a real database, restored with nothing but gunzip and Debian's sqlite3.</summary>
public abstract class IncrementFixture : IDisposable
{
    private readonly TempDirectory temp = new();
    private int restores;

    private protected IncrementFixture() => Bench = new Workbench(Some.Clock, temp.Path) { };

    private protected Workbench Bench { get; }

    private protected string Database => Bench.Database;

    public virtual void Dispose()
    {
        Bench.Dispose();
        temp.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Captures, and lets the backup count as good.</summary>
    private protected async Task<CapturedBackup> CaptureAsync(BackupType type, bool takesIncrements = true)
    {
        Need.Tool("sqlite3");
        var captured = await Bench.Capture.CaptureAsync(Bench.Source with { TakesIncrements = takesIncrements }, "daily", type, progress: null, CancellationToken.None);
        await Bench.Source.Catalog.PassAsync(captured.Backup);
        return captured with { Backup = (await Bench.BackupsAsync()).Single(backup => backup.Id == captured.Backup.Id) };
    }

    /// <summary>Captures what has to become an increment.</summary>
    private protected async Task<Backup> IncrementAsync(BackupType type = BackupType.Incremental)
    {
        var captured = await CaptureAsync(type);
        Assert.Null(captured.FullBecause);
        Assert.Equal(type, captured.Backup.Manifest.Type);
        Assert.EndsWith(".db-wal.gz", captured.Backup.File, StringComparison.Ordinal);
        return captured.Backup;
    }

    /// <summary>Captures what can't become an increment.</summary>
    /// <returns>Why it is full.</returns>
    private protected async Task<string> FullInsteadAsync(BackupType type = BackupType.Incremental)
    {
        var captured = await CaptureAsync(type);
        Assert.Equal(BackupType.Full, captured.Backup.Manifest.Type);
        Assert.Null(captured.Backup.Manifest.Base);
        await AssertSameAsync(captured.Backup, Database);
        return captured.FullBecause!;
    }

    /// <summary>Asserts that a restore gives the database as it is now, byte for byte.</summary>
    private protected Task AssertIsDatabaseAsync(Backup backup) => AssertSameAsync(backup, Database);

    private protected async Task AssertSameAsync(Backup backup, string expected)
    {
        var restored = await RestoreAsync(backup);
        await Shell.RunAsync("cmp", restored, expected);
        File.Delete(restored);
    }

    /// <summary>Restores a backup by hand, and asserts that its manifest foretold the result.</summary>
    private protected async Task<string> RestoreAsync(Backup backup)
    {
        var restored = temp[$"restored{restores++}.db"];
        foreach (var link in backup.Bases.Reverse().Append(backup))
        {
            var file = Path.Combine(Bench.StorePath, link.File);
            await Shell.BashAsync(link.Manifest.Type == BackupType.Full
                ? $"gunzip -c '{file}' > '{restored}'"
                : $"gunzip -c '{file}' > '{restored}-wal' && sqlite3 '{restored}' 'PRAGMA wal_checkpoint(TRUNCATE)' && rm -f '{restored}-wal' '{restored}-shm'");
        }

        await using var content = File.OpenRead(restored);
        var digest = new ArtifactDigest(content.Length, Convert.ToHexStringLower(await SHA256.HashDataAsync(content)));
        Assert.Equal(backup.Manifest.Restored ?? backup.Manifest.Content, digest);
        return restored;
    }

    private protected Task SqlAsync(string sql) => SqliteSamples.SqlAsync(Database, sql);
}
