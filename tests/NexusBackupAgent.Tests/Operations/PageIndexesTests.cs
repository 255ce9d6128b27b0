using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>The index beside a backup can be lost, and nothing is lost with it.</summary>
public sealed class PageIndexesTests : IncrementFixture
{
    [SkippableFact]
    public async Task Only_backups_that_increments_will_build_on_have_one()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        var full = (await CaptureAsync(BackupType.Full, takesIncrements: false)).Backup;
        Assert.False(File.Exists(IndexOf(full)));
        Assert.True(File.Exists(IndexOf((await CaptureAsync(BackupType.Full)).Backup)));
        var increment = await IncrementAsync();
        Assert.True(File.Exists(IndexOf(increment)));
        Assert.True(new FileInfo(IndexOf(increment)).Length < 1000);
        Assert.Empty(Bench.PagesLog.Lines);
    }

    [SkippableTheory]
    [InlineData("lost", "it is missing")]
    [InlineData("damaged", "its SHA-256 is wrong")]
    [InlineData("cut off", "it is cut off")]
    [InlineData("empty", "it is cut off")]
    [InlineData("foreign", "it is the index of another backup")]
    [InlineData("newer", "it is of version 9")]
    public async Task One_that_is_of_no_use_is_made_anew(string state, string reason)
    {
        var (full, increment) = await TwoAsync();
        byte[][] stored = [await File.ReadAllBytesAsync(IndexOf(full)), await File.ReadAllBytesAsync(IndexOf(increment))];
        await SpoilAsync(IndexOf(full), stored[1], state);
        await SpoilAsync(IndexOf(increment), stored[0], state);

        await SqlAsync("UPDATE debit SET amount = 2 WHERE id = 1999");
        var second = await IncrementAsync();

        await AssertIsDatabaseAsync(second);
        Assert.InRange(second.Manifest.Content.Length, 4096, 3 * 4200);
        Assert.Equal(2, Bench.PagesLog.Lines.Count(line => line.Contains(reason, StringComparison.Ordinal)));
        Bench.PagesLog.Lines.Clear();
        await AssertIsDatabaseAsync(await IncrementAsync());
        Assert.Empty(Bench.PagesLog.Lines); // they were kept
    }

    [SkippableFact]
    public async Task An_index_that_was_made_anew_is_what_it_was()
    {
        var (full, increment) = await TwoAsync();
        byte[][] before = [await File.ReadAllBytesAsync(IndexOf(full)), await File.ReadAllBytesAsync(IndexOf(increment))];
        File.Delete(IndexOf(full));
        File.Delete(IndexOf(increment));
        await IncrementAsync();
        Assert.Equal(before, [await File.ReadAllBytesAsync(IndexOf(full)), await File.ReadAllBytesAsync(IndexOf(increment))]);
    }

    [SkippableFact]
    public async Task Without_index_and_base_the_backup_is_full_and_says_why()
    {
        var (full, increment) = await TwoAsync();
        File.Delete(IndexOf(full));
        Damage.FlipBit(Path.Combine(Bench.StorePath, full.File));
        Assert.Contains($"{full.File}, on which it would build, is not as it was stored", await FullInsteadAsync(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Bench.StorePath, increment.File)));
        var states = (await Bench.BackupsAsync()).ToDictionary(backup => backup.Id, backup => backup.State);
        Assert.Equal((BackupState.Quarantined, BackupState.Quarantined), (states[full.Id], states[increment.Id])); // neither counts as good any longer
    }

    [SkippableFact]
    public async Task With_nothing_to_build_on_the_backup_is_full_and_says_why()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        Assert.Equal("there is no good full backup to build on", await FullInsteadAsync(BackupType.Differential));
        await AssertIsDatabaseAsync(await IncrementAsync(BackupType.Differential)); // on the one just made, which got an index
        Assert.Empty(Bench.PagesLog.Lines);
    }

    private async Task<(Backup Full, Backup Increment)> TwoAsync()
    {
        await SqliteSamples.LedgerAsync(Database, "delete");
        var full = (await CaptureAsync(BackupType.Full)).Backup;
        await SqlAsync("UPDATE debit SET amount = 2 WHERE id = 7");
        return (full, await IncrementAsync());
    }

    private static async Task SpoilAsync(string index, byte[] other, string state)
    {
        switch (state)
        {
            case "lost":
                File.Delete(index);
                break;
            case "damaged":
                Damage.FlipBit(index);
                break;
            case "cut off":
                await Shell.RunAsync("truncate", "-s", "-7", index);
                break;
            case "empty":
                await File.WriteAllBytesAsync(index, []);
                break;
            case "foreign":
                await File.WriteAllBytesAsync(index, other);
                break;
            default:
                var bytes = await File.ReadAllBytesAsync(index);
                bytes[8] = 9;
                System.Security.Cryptography.SHA256.HashData(bytes.AsSpan(..^32)).CopyTo(bytes, bytes.Length - 32);
                await File.WriteAllBytesAsync(index, bytes);
                break;
        }
    }

    private string IndexOf(Backup backup) => Path.Combine(Bench.StorePath, BackupFiles.Pages(backup.File));
}
