using Microsoft.Extensions.Logging;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

public sealed class SourceUpkeepTests : IDisposable, ILogger
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly ManualClock clock = new(Some.Instant);
    private readonly ScriptedSource source;
    private readonly Workbench bench;
    private readonly SourceUpkeep upkeep;
    private readonly List<string> log = [];

    public SourceUpkeepTests()
    {
        source = new ScriptedSource(clock);
        bench = new Workbench(clock, source: source);
        upkeep = new SourceUpkeep(bench.Backups, bench.Verifications, bench.Replacements, clock, this);
    }

    private string HandMade => Path.Combine(bench.StorePath, "manual_20260213_120000.db.gz");

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task A_backup_that_could_not_be_looked_at_waits_an_hour()
    {
        await PutAsync();
        source.Checking = ScriptedSource.Fails(FailureKind.StoreFull);
        for (var minute = 0; minute < 60; minute++)
        {
            await LookAfterAsync();
            clock.Advance(Minute);
        }

        Assert.Equal(1, source.Checked);
        Assert.Equal($"verification_impossible: backup scheduler, itsm: {HandMade} could not be verified and is tried again in an hour, or when it changes: scripted StoreFull. Next: do nothing", Assert.Single(log));
        source.Checking = null;
        await LookAfterAsync();
        Assert.Equal(2, source.Checked);
        Assert.True(File.Exists(HandMade + ".manifest.json"));
    }

    [Theory]
    [InlineData(2000, 60)] // only its time
    [InlineData(3000, 0)] // only its size
    public async Task A_backup_that_changed_is_tried_at_once(int length, int secondsNewer)
    {
        await PutAsync();
        source.Checking = ScriptedSource.Fails(FailureKind.Io);
        await LookAfterAsync();
        await PutAsync(length, secondsNewer);
        await LookAfterAsync();
        await LookAfterAsync();
        Assert.Equal(2, source.Checked);
        Assert.Equal(2, log.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_that_cannot_be_looked_at_keeps_no_other_waiting(bool isForeseen)
    {
        await PutAsync();
        var other = Path.Combine(bench.StorePath, "manual_20260212_120000.db.gz");
        File.Copy(HandMade, other);
        File.SetLastWriteTimeUtc(other, File.GetLastWriteTimeUtc(HandMade));
        Exception failure = isForeseen ? new BackupException(FailureKind.Io, "scripted", "do nothing") : new InvalidOperationException("scripted");
        source.Checking = _ => source.Checked == 1 ? throw failure : Task.CompletedTask;
        await LookAfterAsync();
        Assert.Equal(2, source.Checked);
        Assert.Single(new[] { HandMade, other }, file => File.Exists(file + ".manifest.json"));
    }

    [Fact]
    public async Task A_good_one_whose_companions_bear_its_other_name_is_gathered_and_not_read()
    {
        var file = Path.Combine(bench.StorePath, (await bench.RunAsync()).Outcome!.Backup.File);
        foreach (var suffix in (string[])[".manifest.json", ".sha256", ".verification.json"])
            File.Move(file + suffix, file + ".bad" + suffix);
        source.Checked = 0;

        await LookAfterAsync();

        Assert.Equal((0, BackupState.Good, false), (source.Checked, Assert.Single(await bench.BackupsAsync()).State, Assert.Single(await bench.BackupsAsync()).IsScattered));
    }

    [Fact]
    public async Task What_is_known_to_be_corrupt_and_was_not_set_aside_is_read_again_and_set_aside()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        await File.AppendAllTextAsync(Path.Combine(bench.StorePath, backup.File), "x"); // somebody changed its size
        File.SetLastWriteTimeUtc(Path.Combine(bench.StorePath, backup.File), clock.GetUtcNow().AddMinutes(-2).UtcDateTime);
        clock.Advance(TimeSpan.FromSeconds(1));
        await LookAfterAsync();
        Assert.Equal([BackupState.Good, BackupState.Quarantined], (await bench.BackupsAsync()).Select(each => each.State)); // and replaced
    }

    [Fact]
    public async Task What_a_restore_found_corrupt_is_set_aside_at_once_however_young_the_file_is()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        var file = Path.Combine(bench.StorePath, backup.File);
        Damage.FlipBit(file);
        File.SetLastWriteTimeUtc(file, clock.GetUtcNow().UtcDateTime);
        await LookAfterAsync();
        Assert.True(File.Exists(file)); // nobody has read it, and it changed a moment ago
        await bench.Source.Catalog.RecordAsync(backup, backup.Verification! with { Passed = false, VerifiedAt = clock.GetUtcNow() }, CancellationToken.None);
        await LookAfterAsync();
        Assert.True(File.Exists(file + ".bad"));
    }

    [Fact]
    public async Task A_corrupt_one_that_turns_out_to_be_sound_stays()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        File.SetLastWriteTimeUtc(Path.Combine(bench.StorePath, backup.File), clock.GetUtcNow().AddMinutes(-2).UtcDateTime);
        await bench.Source.Catalog.RecordAsync(backup, backup.Verification! with { Passed = false }, CancellationToken.None);
        Assert.Equal(BackupState.Corrupt, Assert.Single(await bench.BackupsAsync()).State);
        await LookAfterAsync();
        Assert.Equal(BackupState.Good, Assert.Single(await bench.BackupsAsync()).State);
    }

    [Fact]
    public async Task One_that_cannot_be_set_aside_is_tried_again_after_an_hour()
    {
        var file = await CorruptWithItsBadNameTakenAsync();
        for (var minute = 0; minute < 60; minute++)
        {
            await LookAfterAsync();
            clock.Advance(Minute);
        }

        Assert.Equal(1, bench.Journal.Counts(OperationKind.Quarantine)[("itsm", "failure")]);
        File.Delete(file + ".bad");
        await LookAfterAsync();
        Assert.True(File.Exists(file + ".bad.manifest.json"));
    }

    [Fact]
    public async Task One_that_cannot_be_set_aside_is_replaced_all_the_same_and_once()
    {
        await CorruptWithItsBadNameTakenAsync();
        for (var minute = 0; minute < 150; minute++)
        {
            clock.Advance(Minute);
            await LookAfterAsync();
        }

        Assert.Equal(2, source.Opened);
        Assert.Equal(BackupState.Good, (await bench.BackupsAsync())[0].State);
        Assert.True(bench.Journal.Counts(OperationKind.Quarantine)[("itsm", "failure")] > 1); // found more than once
    }

    [Fact]
    public async Task A_wrong_checksum_file_is_looked_at_once_an_hour()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        var file = Path.Combine(bench.StorePath, backup.File);
        File.SetLastWriteTimeUtc(file, clock.GetUtcNow().AddMinutes(-2).UtcDateTime);
        await bench.Source.Catalog.RecordAsync(backup, backup.Verification! with { Passed = false }, CancellationToken.None);
        await File.WriteAllTextAsync(file + ".sha256", new string('0', 64));
        for (var minute = 0; minute < 60; minute++)
        {
            await LookAfterAsync();
            clock.Advance(Minute);
        }

        Assert.Equal(1, bench.Journal.Counts(OperationKind.Verification)[("itsm", "failure")]);
        Assert.Equal(1, source.Opened); // nor is it replaced
    }

    [Fact]
    public async Task A_round_that_was_cut_short_forgets_no_failed_try()
    {
        await PutAsync();
        source.Checking = ScriptedSource.Fails(FailureKind.Io);
        await LookAfterAsync();
        source.Checking = null;
        var newer = Path.Combine(bench.StorePath, "manual_20260213_130000.db.gz");
        File.Copy(HandMade, newer);
        File.SetLastWriteTimeUtc(newer, File.GetLastWriteTimeUtc(HandMade));
        using (RunLock.TryAcquire(bench.State, "itsm"))
            Assert.Equal(FailureKind.Locked, (await Assert.ThrowsAsync<BackupException>(LookAfterAsync)).Kind);

        await LookAfterAsync();

        Assert.Equal(2, source.Checked);
        Assert.True(File.Exists(newer + ".manifest.json"));
        Assert.False(File.Exists(HandMade + ".manifest.json"));
    }

    [Fact]
    public async Task Companions_follow_an_artifact_that_an_operator_set_aside_and_no_backup_is_started()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        clock.Advance(Minute);
        await Shell.BashAsync($"cd '{bench.StorePath}'; mv {backup.File} {backup.File}.bad");
        await LookAfterAsync();
        Assert.All(TempDirectory.FilesIn(bench.StorePath), file => Assert.StartsWith(backup.File + ".bad", file, StringComparison.Ordinal));
        Assert.Equal(1, source.Opened); // the runbook's next step is the operator's own
    }

    [Fact]
    public async Task A_verification_ends_at_the_time_limit_and_says_so()
    {
        await PutAsync();
        source.Checking = token => Task.Delay(Timeout.InfiniteTimeSpan, clock, token);
        var looking = LookAfterAsync();
        await Eventually.TrueAsync(() => source.Checked == 1, "the verification is under way");
        clock.Advance(bench.Source.TimeLimit);
        await looking.WaitAsync(TimeSpan.FromMinutes(3));
        Assert.Contains("the verification exceeded its time limit of 01:00:00", Assert.Single(log), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_without_an_open_run_is_never_locked()
    {
        await LookAfterAsync();
        Assert.False(File.Exists(Path.Combine(bench.State, "locks", "itsm.lock")));
    }

    [Fact]
    public async Task A_run_whose_process_died_is_closed()
    {
        bench.Journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, clock.GetUtcNow()));
        Assert.True(bench.Journal.HasOpenBackup("itsm"));
        Assert.False(bench.Journal.HasOpenBackup("other"));
        await LookAfterAsync();
        Assert.False(bench.Journal.HasOpenBackup("itsm"));
        Assert.Equal(FailureKind.Died, bench.Journal.LastFailure("itsm")!.Kind);
    }

    [Fact]
    public async Task A_busy_source_is_tried_at_the_next_round()
    {
        await PutAsync();
        using (RunLock.TryAcquire(bench.State, "itsm"))
            Assert.Equal(FailureKind.Locked, (await Assert.ThrowsAsync<BackupException>(LookAfterAsync)).Kind);
        await LookAfterAsync();
        Assert.True(File.Exists(HandMade + ".manifest.json"));
        Assert.Empty(log);
    }

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        log.Add($"{eventId.Name}: {formatter(state, exception)}");

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    private Task LookAfterAsync() => upkeep.LookAfterAsync(bench.Source, CancellationToken.None);

    /// <summary>A backup that was found corrupt and has settled, beside an older file under the name to which it would be set aside.</summary>
    /// <returns>Its path.</returns>
    private async Task<string> CorruptWithItsBadNameTakenAsync()
    {
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        var file = Path.Combine(bench.StorePath, backup.File);
        Damage.FlipBit(file);
        File.SetLastWriteTimeUtc(file, clock.GetUtcNow().AddMinutes(-2).UtcDateTime);
        await bench.Source.Catalog.RecordAsync(backup, backup.Verification! with { Passed = false }, CancellationToken.None);
        await File.WriteAllTextAsync(file + ".bad", "an older one");
        return file;
    }

    /// <summary>Puts a hand-made file into the store that has settled.</summary>
    private async Task PutAsync(int length = 2000, int secondsNewer = 0)
    {
        await File.WriteAllBytesAsync(HandMade, await Some.ArtifactAsync(Some.Noise(length)));
        File.SetLastWriteTimeUtc(HandMade, Some.Instant.AddMinutes(-5).AddSeconds(secondsNewer).UtcDateTime);
    }
}
