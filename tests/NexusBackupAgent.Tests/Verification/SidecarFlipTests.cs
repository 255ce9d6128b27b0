using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Retention;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Verification;

/// <summary>
/// Every bit of the small files beside a backup may flip. None makes another backup the newest, the restored or the pruned one
/// without a word, and <c>verify</c> finds each that means anything. By default one bit in each few bytes is tried.
/// </summary>
public sealed class SidecarFlipTests : IAsyncLifetime
{
    private static readonly string[] Endings = [".manifest.json", ".verification.json", ".drill.json", ".pages", ".sha256"];

    private readonly Dictionary<string, byte[]> stored = new(StringComparer.Ordinal);
    private ChainBench bench = null!;
    private Backup newest = null!;
    private Backup @base = null!;

    public async Task InitializeAsync()
    {
        bench = await ChainBench.CreateAsync();
        await bench.FullAsync();
        @base = await bench.FullAsync();
        newest = await bench.IncrementAsync();
        foreach (var backup in (Backup[])[newest, @base])
            await bench.Source.Catalog.RecordAsync(backup, new DrillResult(backup.Id, bench.Clock.GetUtcNow(), 1.5, Passed: true, "", []), CancellationToken.None);
        bench.Clock.Advance(TimeSpan.FromDays(8));
        Remember();
    }

    public Task DisposeAsync()
    {
        bench.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_flipped_bit_changes_nothing_without_a_word_and_is_found(bool ofBase)
    {
        var backup = ofBase ? @base : newest;
        var before = await LookAsync();
        Assert.Equal((newest.File, 1, false), (before.Restored, before.Removed.Count, before.IsTold)); // there is something to lose
        foreach (var ending in Endings)
        {
            foreach (var (place, bit) in Flips(stored[backup.File + ending].Length, ending == ".pages" ? 29 : 7))
            {
                Flip(backup.File + ending, place, bit);
                var after = await LookAsync();
                AssertKeeps(before, after, backup, $"{ending}, byte {place}, bit {bit}");
                if (!after.IsTold || place % 49 == 0)
                    Assert.True(await IsFoundAsync(backup) || IsHarmless(backup, ending), $"{ending}: the flip of bit {bit} in byte {place} was not found");
                PutBack();
            }
        }
    }

    [Fact]
    public async Task A_manifest_of_an_earlier_version_which_bears_no_seal_is_bound_by_its_name_and_id()
    {
        foreach (var file in stored.Keys.Where(file => file.EndsWith(".json", StringComparison.Ordinal)))
            await Sidecar.AgeAsync(PathOf(file));
        Remember();
        var before = await LookAsync();
        Assert.Equal((newest.File, 1, false), (before.Restored, before.Removed.Count, before.IsTold));
        foreach (var file in (string[])[BackupFiles.Manifest(newest.File), BackupFiles.Manifest(@base.File)])
        {
            foreach (var (place, bit) in Flips(stored[file].Length, step: 3))
            {
                Flip(file, place, bit);
                AssertKeeps(before, await LookAsync(), newest, $"{file}, byte {place}, bit {bit}");
                PutBack();
            }
        }
    }

    [Theory]
    [InlineData("\"capturedAt\": \"2026-02-14T04", "\"capturedAt\": \"2026-02-14T05")]
    [InlineData("\"capturedAt\": \"2026-02-14T04", "\"capturedAt\": \"2027-02-14T04")]
    [InlineData("\"schedule\": \"daily\"", "\"schedule\": \"dahly\"")]
    [InlineData("\"type\": \"incremental\"", "\"type\": \"full\"")]
    [InlineData("\"restored\"", "\"restnred\"")]
    [InlineData("\"base\": \"2026", "\"base\": \"2126")]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 3")]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 0")]
    public async Task What_a_flip_makes_of_a_manifest_without_a_seal_is_refused_by_verify(string from, string to)
    {
        var manifest = PathOf(BackupFiles.Manifest(newest.File));
        await Sidecar.AgeAsync(manifest);
        var text = await File.ReadAllTextAsync(manifest);
        Assert.Contains(from, text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(manifest, text.Replace(from, to, StringComparison.Ordinal));

        Assert.True((await LookAsync()).IsTold);
        Assert.True(await IsFoundAsync(newest));
    }

    [Fact]
    public async Task A_file_that_lost_its_whole_seal_is_refused()
    {
        foreach (var ending in (string[])[".manifest.json", ".verification.json"])
        {
            var file = PathOf(newest.File + ending);
            await Sidecar.UnsealAsync(file);
            Assert.True((await LookAsync()).IsTold, ending);
            Assert.True(await IsFoundAsync(newest), ending);
            PutBack();
        }
    }

    [SkippableFact]
    public async Task The_seal_can_be_made_again_with_standard_tools()
    {
        Need.Tool("sha256sum");
        foreach (var file in stored.Keys.Where(file => file.EndsWith(".json", StringComparison.Ordinal)))
            Assert.Contains(await Shell.BashAsync($"head -n -2 '{PathOf(file)}' | sha256sum | cut -d ' ' -f 1 | tr -d '\\n'"), await File.ReadAllTextAsync(PathOf(file)), StringComparison.Ordinal);
    }

    private void Remember()
    {
        stored.Clear();
        foreach (var file in Directory.GetFiles(bench.Bench.StorePath))
            stored[Path.GetFileName(file)] = File.ReadAllBytes(file);
    }

    private string PathOf(string file) => Path.Combine(bench.Bench.StorePath, file);

    private static IEnumerable<(int Place, int Bit)> Flips(int length, int step) => TestScope.IsWhole
        ? Enumerable.Range(0, length * 8).Select(bit => (bit / 8, bit % 8))
        : Enumerable.Range(0, (length + step - 1) / step).Select(count => (count * step, count % 8));

    private void Flip(string file, int place, int bit)
    {
        var bytes = (byte[])stored[file].Clone();
        bytes[place] ^= (byte)(1 << bit);
        File.WriteAllBytes(PathOf(file), bytes);
    }

    private void PutBack()
    {
        foreach (var file in Directory.GetFiles(bench.Bench.StorePath).Where(file => !stored.ContainsKey(Path.GetFileName(file))))
            File.Delete(file);
        foreach (var (file, bytes) in stored.Where(file => !File.Exists(PathOf(file.Key)) || !File.ReadAllBytes(PathOf(file.Key)).AsSpan().SequenceEqual(file.Value)))
            File.WriteAllBytes(PathOf(file), bytes);
    }

    /// <param name="Newest">The newest good backup, with its second.</param>
    /// <param name="Restored">What a restore takes.</param>
    /// <param name="Removed">What a prune removes.</param>
    /// <param name="IsTold">Whether list and status say that something is wrong.</param>
    private sealed record Look(string Newest, string Restored, IReadOnlySet<string> Removed, bool IsTold);

    private async Task<Look> LookAsync()
    {
        var now = bench.Clock.GetUtcNow();
        var (backups, orphans) = await CatalogUse.CatalogOf(bench.Bench.Store, directory: "").ListWithOrphansAsync(CancellationToken.None);
        var good = backups.NewestGood(now);
        return new Look(
            $"{good?.File} {good?.CapturedAt:yyyyMMddHHmmss}",
            RestorePlan.Choose("itsm", backups, new RestoreWish(), now, TimeZoneInfo.Utc).Candidates[0].Backup.File,
            RetentionPolicy.Decide(backups, bench.Source.Retention, now, TimeZoneInfo.Utc).Where(decision => !decision.Keep).Select(decision => decision.Backup.File).ToHashSet(StringComparer.Ordinal),
            orphans.Count > 0 || backups.Any(backup => backup.AllTroubles.Any() || backup.Unreadable is not null || backup.State is BackupState.Corrupt or BackupState.Quarantined));
    }

    private static void AssertKeeps(Look before, Look after, Backup backup, string flip)
    {
        Assert.True(after.Removed.IsSubsetOf(before.Removed) && !after.Removed.Contains(backup.File), $"{flip}: a prune removes {string.Join(", ", after.Removed)}");
        if (!after.IsTold)
            Assert.Equal((flip, before.Newest, before.Restored, before.Removed.Count), (flip, after.Newest, after.Restored, after.Removed.Count));
    }

    private async Task<bool> IsFoundAsync(Backup backup)
    {
        try
        {
            var verified = await bench.VerifyAsync((await bench.Bench.BackupsAsync()).Single(listed => listed.File == backup.File));
            return verified.State != BackupState.Good || verified.AllTroubles.Any();
        }
        catch (BackupException refused)
        {
            return refused.Kind == FailureKind.Verification;
        }
    }

    /// <summary>A digit in upper case, or a line end that is another blank, says the same; <c>sha256sum -c</c> agrees.</summary>
    private bool IsHarmless(Backup backup, string ending) => ending == ".sha256"
        && ChecksumFile.Parse(File.ReadAllText(PathOf(backup.File + ending))).Of(backup.File).Sha256 == backup.Manifest.Stored.Sha256;
}
