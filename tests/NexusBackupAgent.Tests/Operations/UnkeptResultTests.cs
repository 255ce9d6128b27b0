using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Runbook;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>What reading a backup back showed counts, although a store that is full or read-only does not take the result.</summary>
public sealed class UnkeptResultTests
{
    private readonly ManualClock clock = new(Some.Instant);

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("read-only")]
    public async Task A_good_backup_stays_good_and_the_journal_says_what_was_found(string store)
    {
        await using var disk = await SmallFileSystem.MountAsync("size=1m");
        using var bench = new Workbench(clock, store: new LocalDirectoryStore("local", disk.Path), source: new ScriptedSource(clock));
        await bench.RunAsync();
        var backup = Assert.Single(await bench.BackupsAsync());
        await CloseAsync(disk, store);

        var verified = await bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);
        var (drill, drilled) = await bench.Drills.RunAsync(bench.Source, progress: null, TimeSpan.Zero, CancellationToken.None);

        Assert.Equal(BackupState.Good, verified.State);
        Assert.Equal(store == "full" ? FailureKind.StoreFull : FailureKind.StoreUnavailable, verified.NotRecorded!.Kind);
        Assert.True(drill.Succeeded, drill.Failure?.Message);
        Assert.True(drilled!.Drill!.Passed);
        foreach (var kind in (OperationKind[])[OperationKind.Verification, OperationKind.Drill])
        {
            var journalled = bench.Journal.Last("itsm", kind)!;
            Assert.True(journalled.Succeeded);
            Assert.Contains("can't be kept beside it: cannot write", journalled.Detail, StringComparison.Ordinal);
        }
    }

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("read-only")]
    public async Task A_corrupt_backup_is_still_found_out(string store)
    {
        await using var disk = await SmallFileSystem.MountAsync("size=1m");
        using var bench = new Workbench(clock, store: new LocalDirectoryStore("local", disk.Path), source: new ScriptedSource(clock));
        await bench.RunAsync();
        var backup = Assert.Single(await bench.BackupsAsync());
        Damage.FlipBit(Path.Combine(disk.Path, backup.File));
        await CloseAsync(disk, store);

        var verified = await bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);

        Assert.Equal(store == "full" ? BackupState.Quarantined : BackupState.Corrupt, verified.State); // a full disk can rename
        Assert.Contains("is corrupt", bench.Journal.Last("itsm", OperationKind.Verification)!.Failure!.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_full_state_disk_hides_no_damage_from_the_hooks()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=2m");
        using var root = new TempDirectory();
        Directory.CreateSymbolicLink(root["state"], disk.Path);
        using var bench = new Workbench(clock, root.Path, source: new ScriptedSource(clock));
        var hook = new Hook(["sh", "-c", "echo $NEXUS_BACKUP_RESULT $(basename \"$NEXUS_BACKUP_FILE\") > \"$0\"", root["told"]], Url: null);
        var source = bench.Source with { Hooks = new HookSettings([hook], [], TimeSpan.FromSeconds(30)) };
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));
        await CloseAsync(disk, "full");

        var refused = await Assert.ThrowsAsync<BackupException>(() => bench.Verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, CancellationToken.None));

        Assert.Equal(FailureKind.StateFull, refused.Kind);
        Assert.Equal($"failure {backup.File}.bad", (await File.ReadAllTextAsync(root["told"])).Trim());
    }

    [SkippableFact]
    public async Task A_new_backup_does_not_count_when_its_verification_cannot_be_kept()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=1m");
        var source = new ScriptedSource(clock) { Checking = _ => disk.RemountAsync("ro") };
        using var bench = new Workbench(clock, store: new LocalDirectoryStore("local", disk.Path), source: source);

        var run = await bench.RunAsync();

        Assert.Equal((RunResult.Failure, FailureKind.StoreUnavailable), (run.Result, run.Failure?.Kind));
        Assert.Equal(BackupState.Unverified, Assert.Single(await bench.BackupsAsync()).State);
    }

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("read-only")]
    public async Task The_commands_show_the_result_and_warn(string store)
    {
        await using var disk = await SmallFileSystem.MountAsync("size=4m,mode=0777");
        using var night = new NightWatch();
        night.Place.Configure("itsm", "itsm.db", disk.Path);
        Assert.Equal(0, (await night.Place.RunAsync("backup")).Code);
        await CloseAsync(disk, store);

        var verify = await night.Place.RunAsync("verify", "--json");
        Assert.Equal((0, "good"), (verify.Code, verify.Json[0].GetProperty("state").GetString()));
        Assert.Contains("can't be kept beside it: cannot write", verify.Error, StringComparison.Ordinal);

        var drill = await night.Place.RunAsync("drill", "--json");
        Assert.Equal((0, "success"), (drill.Code, drill.Json[0].GetProperty("result").GetString()));
        Assert.True(drill.Json[0].GetProperty("seconds").GetDouble() > 0);
        Assert.Contains("can't be kept beside", drill.Error, StringComparison.Ordinal);

        var checks = (await night.Place.RunAsync("checklist", "--lang", "en", "--json")).Json[0].GetProperty("checks").EnumerateArray().ToList();
        Assert.All(checks.Where(check => check.GetProperty("number").GetInt32() is 3 or 4 or 5), check => Assert.True(check.GetProperty("passed").GetBoolean(), check.ToString()));

        Assert.Contains("✓ [A]", (await night.Place.RunAsync("diagnose", "--lang", "en")).Output, StringComparison.Ordinal);
    }

    private static async Task CloseAsync(SmallFileSystem disk, string store)
    {
        if (store == "full")
            await Shell.TryAsync("dd", "if=/dev/zero", $"of={disk.Path}/filler", "bs=4k");
        else
            await disk.RemountAsync("ro");
    }
}
