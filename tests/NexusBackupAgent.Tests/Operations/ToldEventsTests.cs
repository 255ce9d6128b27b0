using NexusBackupAgent.Common;
using NexusBackupAgent.Hooks;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Tests.Hooks;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

/// <summary>Which events a source's hooks hear of, from the real doors; what a hook gets is told by <see cref="HookRunnerTests"/>.</summary>
public sealed class ToldEventsTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly TempDirectory home = new();
    private readonly ScriptedSource scripted;
    private readonly Workbench bench;
    private readonly ProtectedSource source;

    public ToldEventsTests()
    {
        scripted = new ScriptedSource(clock);
        var plain = new Workbench(clock, home.Sub("bench"), source: scripted);
        var hook = new Hook(["sh", "-c", "echo $NEXUS_BACKUP_EVENT $NEXUS_BACKUP_RESULT $NEXUS_BACKUP_CLASS $(basename \"$NEXUS_BACKUP_FILE\") >> \"$0\"", home["told"]], Url: null);
        (bench, source) = (plain, plain.Source with { Hooks = new HookSettings([hook], [hook], TimeSpan.FromSeconds(30)) });
    }

    public void Dispose()
    {
        bench.Dispose();
        home.Dispose();
    }

    [Fact]
    public async Task A_corrupt_backup_is_told_and_that_a_good_one_is_still_good_is_not()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        await bench.Verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));

        await bench.Verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);

        Assert.Equal([$"verification failure storage {backup.File}.bad"], await ToldAsync());
    }

    [Fact]
    public async Task A_corrupt_backup_that_cannot_be_set_aside_is_told_once_until_that_changes()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        var file = Path.Combine(bench.StorePath, backup.File);
        var sound = await File.ReadAllBytesAsync(file);
        await File.WriteAllTextAsync(file + ".bad", "in the way");
        Damage.FlipBit(file);

        for (var hour = 0; hour < 3; hour++)
            await VerifyAsync();
        Assert.Equal([$"verification failure storage {backup.File}"], await ToldAsync());

        await File.WriteAllBytesAsync(file, sound);
        await VerifyAsync();
        Damage.FlipBit(file);
        await VerifyAsync();
        Assert.Equal(2, (await ToldAsync()).Length);

        async Task VerifyAsync() => await bench.Verifications.VerifyAsync(
            source, (await bench.BackupsAsync()).Single(each => each.File == backup.File), TimeSpan.Zero, progress: null, CancellationToken.None);
    }

    [Fact]
    public async Task A_backup_that_replaces_a_corrupt_one_is_told_as_any_other()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));
        clock.Advance(TimeSpan.FromMinutes(1));
        await bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);
        clock.Advance(TimeSpan.FromMinutes(1));

        var run = await bench.Replacements.RunIfDueAsync(source, TimeSpan.Zero, progress: null, CancellationToken.None);

        Assert.Equal([$"backup success {run!.Outcome!.Backup.File}"], await ToldAsync());
    }

    [Fact]
    public async Task A_backup_that_cannot_be_read_is_told_and_still_thrown()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        scripted.Checking = ScriptedSource.Fails(FailureKind.Io);

        var unreadable = await Assert.ThrowsAsync<BackupException>(() => bench.Verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, CancellationToken.None));

        Assert.Equal(FailureKind.Io, unreadable.Kind);
        Assert.Equal([$"verification failure storage {backup.File}"], await ToldAsync());
    }

    [Fact]
    public async Task A_backup_that_was_pruned_meanwhile_is_no_news()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        File.Delete(Path.Combine(bench.StorePath, backup.File));

        await Assert.ThrowsAsync<BackupException>(() => bench.Verifications.VerifyAsync(source, backup, TimeSpan.Zero, progress: null, CancellationToken.None));

        Assert.False(File.Exists(home["told"]));
    }

    [Fact]
    public async Task A_restore_is_told_when_it_is_over()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;

        await bench.Restores.RestoreAsync(source, new RestoreWish(), home["elsewhere"], force: false, TimeSpan.Zero, new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { }), CancellationToken.None);

        Assert.Equal([$"restore success {backup.File}"], await ToldAsync());
        Assert.Equal(1, bench.Journal.Counts(OperationKind.Restore)[("itsm", "success")]);
    }

    [Fact]
    public async Task A_restore_that_cannot_begin_is_told_and_journalled()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));
        await bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, progress: null, CancellationToken.None);

        await Assert.ThrowsAsync<BackupException>(() => bench.Restores.RestoreAsync(source, new RestoreWish(), home["elsewhere"], force: false, TimeSpan.Zero, new RestoreEvents(_ => { }, (_, _) => { }, _ => { }, _ => { }), CancellationToken.None));

        Assert.Equal("restore failure storage", Assert.Single(await ToldAsync()).TrimEnd());
        Assert.Equal(1, bench.Journal.Counts(OperationKind.Restore)[("itsm", "failure")]);
    }

    private async Task<string[]> ToldAsync() => await File.ReadAllLinesAsync(home["told"]);
}
