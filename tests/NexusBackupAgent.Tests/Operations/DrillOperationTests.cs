using System.Text.Json;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Restore;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Stores.Local;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Operations;

public sealed class DrillOperationTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly List<Workbench> benches = [];

    public void Dispose() => benches.ForEach(bench => bench.Dispose());

    [SkippableFact]
    public async Task A_real_database_is_restored_asked_and_cleared_away()
    {
        var bench = Bench();
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        await bench.RunAsync();
        await SqliteSamples.SqlAsync(bench.Database, "DELETE FROM debit"); // the drill asks the backup, not the live database
        clock.Advance(TimeSpan.FromHours(3));
        var drilled = bench.Source with
        {
            Probes =
            [
                new Probe("SELECT count(*) FROM debit", "2000", MaxAge: null),
                new Probe("SELECT sum(amount) FROM debit", ">= 2000000", MaxAge: null),
                new Probe($"SELECT '{Some.Instant.AddHours(-1):yyyy-MM-dd HH:mm:ss}'", Expect: null, TimeSpan.FromHours(2)),
            ],
        };

        var operation = await DrillAsync(bench, drilled);

        Assert.True(operation.Succeeded, operation.Failure?.Message);
        var backup = Assert.Single(await bench.BackupsAsync());
        Assert.Equal(backup.Id, operation.Backup);
        Assert.True(backup.Drill!.Passed);
        Assert.Equal(["2000", "2000000", "2026-02-14 01:00:00"], backup.Drill.Probes.Select(probe => probe.Answer));
        Assert.Contains("3 probes as expected", operation.Detail, StringComparison.Ordinal);
        Assert.Equal(clock.GetUtcNow(), backup.Verification!.VerifiedAt);
        Assert.Empty(ScratchFiles(bench));
        Assert.Equal(1, bench.Journal.Counts(OperationKind.Drill)[("itsm", "success")]);
        Assert.Equal(2, bench.Journal.Read().Verifications[("itsm", "integrity", "success")]); // of the backup, and of the drill
    }

    [Fact]
    public async Task The_measured_time_is_from_the_artifact_to_the_last_answer()
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        await bench.RunAsync();
        source.Checking = _ => AdvanceAsync(20);
        source.Answering = async (_, _) =>
        {
            await AdvanceAsync(5);
            return new ProbeAnswer(HasRow: true, "1");
        };

        await DrillAsync(bench, bench.Source with { Probes = [new Probe("a", "1", null), new Probe("b", "1", null)] });

        Assert.Equal(30, (await bench.BackupsAsync())[0].Drill!.Seconds);
        Assert.Equal(TimeSpan.FromSeconds(30), LastDrill.Of(bench.Journal.LastOfEach(OperationKind.Drill)["itsm"], await bench.BackupsAsync())!.Took);
    }

    [Fact]
    public async Task A_wrong_answer_is_a_failed_drill_of_a_good_backup()
    {
        var bench = Bench(new ScriptedSource(clock));
        await bench.RunAsync();

        var operation = await DrillAsync(bench, bench.Source with { Probes = [new Probe("SELECT count(*)", ">= 1001", null)] });

        Assert.Equal(FailureKind.Restore, operation.Failure!.Kind);
        Assert.Contains("\"SELECT count(*)\" expects >= 1001: it returned 1000", operation.Failure.Message, StringComparison.Ordinal);
        var backup = Assert.Single(await bench.BackupsAsync());
        Assert.Equal((BackupState.Good, false), (backup.State, backup.Drill!.Passed));
        Assert.Equal(1, bench.Journal.Counts(OperationKind.Drill)[("itsm", "failure")]);
    }

    [SkippableFact]
    public async Task A_probe_that_cannot_be_asked_fails_the_drill_and_the_next_one_is_asked()
    {
        var bench = Bench();
        await SqliteSamples.LedgerAsync(bench.Database, "wal");
        await bench.RunAsync();

        var operation = await DrillAsync(bench, bench.Source with { Probes = [new Probe("DELETE FROM debit", null, null), new Probe("SELECT count(*) FROM debit", "2000", null)] });

        Assert.Contains("would write", operation.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal([false, true], (await bench.BackupsAsync())[0].Drill!.Probes.Select(probe => probe.Passed));
    }

    [Fact]
    public async Task A_backup_that_turns_out_damaged_fails_the_drill_and_is_corrupt_from_then_on()
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));

        var operation = await DrillAsync(bench, bench.Source);

        Assert.Equal(FailureKind.Verification, operation.Failure!.Kind);
        Assert.Contains("its SHA-256 is ", operation.Failure.Message, StringComparison.Ordinal);
        Assert.Equal(BackupState.Corrupt, (await bench.BackupsAsync())[0].State);
        Assert.Empty(ScratchFiles(bench));
    }

    [Fact]
    public async Task One_misreading_fails_no_drill()
    {
        using var root = new TempDirectory();
        var readings = 0;
        using var store = new FaultyStore(new LocalDirectoryStore("local", Directory.CreateDirectory(root["store"]).FullName), failing: 0, FaultTime.Before, staysDead: false);
        var bench = Bench(new ScriptedSource(clock), root.Path, store);
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        var artifact = backup.File;
        store.Opening = path =>
        {
            if (path.EndsWith(artifact, StringComparison.Ordinal) && ++readings <= 2)
                Damage.FlipBit(Path.Combine(bench.StorePath, artifact)); // and back before the second reading
            return null;
        };

        var operation = await DrillAsync(bench, bench.Source);

        Assert.Equal(2, readings);
        Assert.True(operation.Succeeded, operation.Failure?.Message);
        Assert.Equal(BackupState.Good, Assert.Single(await bench.BackupsAsync()).State);
    }

    [Fact]
    public async Task A_check_that_contradicts_an_earlier_one_of_the_same_bytes_fails_the_drill_and_not_the_backup()
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        await bench.RunAsync();
        source.Finding = "page 7 is mad";

        var operation = await DrillAsync(bench, bench.Source);

        Assert.Equal(FailureKind.Io, operation.Failure!.Kind);
        Assert.Equal(BackupState.Good, (await bench.BackupsAsync())[0].State);
        Assert.Empty(ScratchFiles(bench));
    }

    [Fact]
    public async Task Without_a_backup_the_drill_has_failed_with_that_reason()
    {
        var bench = Bench(new ScriptedSource(clock));

        var operation = await DrillAsync(bench, bench.Source);

        Assert.Equal((FailureKind.NotFound, null), (operation.Failure!.Kind, operation.Backup));
        Assert.Contains("has no backup", operation.Failure.Message, StringComparison.Ordinal);
        Assert.Equal("drill|NotFound|there was nothing to restore", await bench.JournalAsync("SELECT kind, failure, detail FROM operations"));
    }

    [Fact]
    public async Task The_newest_good_backup_is_practised_and_not_a_newer_bad_one()
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        var good = (await bench.RunAsync()).Outcome!.Backup;
        clock.Advance(TimeSpan.FromHours(1));
        source.Finding = "page 7 is mad";
        await bench.RunAsync();
        source.Finding = null;

        Assert.Equal(good.Id, (await DrillAsync(bench, bench.Source)).Backup);
    }

    [Fact]
    public async Task A_drill_that_takes_too_long_is_stopped_and_says_so()
    {
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        await bench.RunAsync();
        source.Answering = async (_, token) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, token);
            return new ProbeAnswer(HasRow: false, null);
        };
        var running = DrillAsync(bench, bench.Source with { Probes = [new Probe("q", null, null)] });
        await Eventually.TrueAsync(() => clock.IsAwaited(TimeSpan.FromHours(1)), "the time limit runs");
        clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(FailureKind.TimedOut, (await running).Failure!.Kind);
        Assert.Empty(ScratchFiles(bench));
    }

    [Fact]
    public async Task A_drill_that_is_stopped_says_nothing_about_the_last_one()
    {
        using var stop = new CancellationTokenSource();
        var source = new ScriptedSource(clock);
        var bench = Bench(source);
        await bench.RunAsync();
        await DrillAsync(bench, bench.Source);
        var passedAt = clock.GetUtcNow();
        clock.Advance(TimeSpan.FromDays(1));
        source.Checking = async token =>
        {
            await stop.CancelAsync();
            token.ThrowIfCancellationRequested();
        };

        var (operation, _) = await bench.Drills.RunAsync(bench.Source, progress: null, TimeSpan.Zero, stop.Token);

        Assert.Equal(FailureKind.Interrupted, operation.Failure!.Kind);
        var last = LastDrill.Of(bench.Journal.LastOfEach(OperationKind.Drill)["itsm"], await bench.BackupsAsync());
        Assert.Equal((passedAt, true), (last!.EndedAt, last.Passed));
        Assert.Empty(ScratchFiles(bench));
    }

    [Fact]
    public async Task A_busy_source_is_left_alone()
    {
        var bench = Bench(new ScriptedSource(clock));
        using var held = RunLock.TryAcquire(bench.State, "itsm");

        var busy = await Assert.ThrowsAsync<BackupException>(() => DrillAsync(bench, bench.Source));

        Assert.Equal(FailureKind.Locked, busy.Kind);
        Assert.Null(bench.Journal.Last("itsm", OperationKind.Drill));
    }

    [Fact]
    public async Task What_a_drill_showed_survives_the_loss_of_the_journal_and_goes_with_its_backup()
    {
        var bench = Bench(new ScriptedSource(clock));
        await bench.RunAsync();
        await DrillAsync(bench, bench.Source);
        var backup = Assert.Single(await bench.BackupsAsync());

        var fromFiles = LastDrill.Of(operation: null, [backup]);
        Assert.Equal((true, backup.Id), (fromFiles!.Passed, fromFiles.Backup!.Id));
        using (var file = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(bench.StorePath, backup.File + ".drill.json"))))
            Assert.Equal(backup.Id.Value, file.RootElement.GetProperty("id").GetString());

        await bench.Source.Catalog.RemoveAsync(backup, CancellationToken.None);
        Assert.Empty(TempDirectory.FilesIn(bench.StorePath));
    }

    [Fact]
    public async Task A_result_that_speaks_of_another_backup_says_nothing()
    {
        var bench = Bench(new ScriptedSource(clock));
        await bench.RunAsync();
        await DrillAsync(bench, bench.Source);
        var first = Assert.Single(await bench.BackupsAsync());
        clock.Advance(TimeSpan.FromHours(1));
        var second = (await bench.RunAsync()).Outcome!.Backup;
        File.Copy(Path.Combine(bench.StorePath, first.File + ".drill.json"), Path.Combine(bench.StorePath, second.File + ".drill.json"));

        Assert.Null((await bench.BackupsAsync()).Single(backup => backup.Id == second.Id).Drill);
    }

    [SkippableFact]
    public async Task Scratch_space_without_room_is_refused_before_anything_is_read()
    {
        await using var small = await SmallFileSystem.MountAsync("size=64k");
        var bench = Bench(new ScriptedSource(clock));
        await bench.RunAsync();
        using var scratch = new ScratchDirectory(small.Path);
        await Shell.BashAsync($"head -c 60000 /dev/zero > '{small.Path}/full'; head -c 60000 /dev/zero >> '{small.Path}/full' || true");
        var drill = new RestoreDrill(bench.Verifier, scratch, clock);
        var backup = Assert.Single(await bench.BackupsAsync());

        var full = await Assert.ThrowsAsync<BackupException>(() => drill.RunAsync(bench.Source.Source, bench.Source.Catalog, backup, [], progress: null, CancellationToken.None));

        Assert.Equal(FailureKind.StoreFull, full.Kind);
    }

    private static async Task<Operation> DrillAsync(Workbench bench, ProtectedSource source) =>
        (await bench.Drills.RunAsync(source, progress: null, TimeSpan.Zero, CancellationToken.None)).Operation;

    private Task AdvanceAsync(int seconds)
    {
        clock.Advance(TimeSpan.FromSeconds(seconds));
        return Task.CompletedTask;
    }

    private static IReadOnlyList<string> ScratchFiles(Workbench bench) => [.. Directory.EnumerateFiles(bench.Scratch.Path, "*.scratch", SearchOption.AllDirectories)];

    private Workbench Bench(ScriptedSource? source = null, string? root = null, IBackupStore? store = null)
    {
        var bench = new Workbench(clock, root, store, source);
        benches.Add(bench);
        return bench;
    }
}
