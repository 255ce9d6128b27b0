using System.Text.Json;
using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>Each end of the runbook's flowchart (§2), provoked for real.</summary>
public sealed class DiagnosisTests : IDisposable
{
    private static readonly DateTimeOffset Now = Workplace.Now;

    private readonly NightWatch night = new();

    private Workplace Place => night.Place;

    public void Dispose() => night.Dispose();

    [Fact]
    public async Task A_fresh_backup_that_reads_back_beside_a_working_agent_is_healthy()
    {
        await Place.RunAsync("backup");

        var (healthy, code) = await night.DiagnoseAsync();

        Assert.Equal((0, "healthy", "OK"), (code, Text(healthy, "cause"), Text(healthy, "level")));
        Assert.All(healthy.GetProperty("steps").EnumerateArray(), step => Assert.True(step.GetProperty("passed").GetBoolean(), step.ToString()));
        Assert.Empty(healthy.GetProperty("next").EnumerateArray());
    }

    [Fact]
    public async Task A_flipped_bit_in_the_newest_backup_is_A_and_asks_for_a_new_one()
    {
        await Place.RunAsync("backup");
        night.FlipBit();

        await ExpectAsync("A", 4, "SHA-256", "nexus-backup backup itsm");
    }

    [Fact]
    public async Task What_the_newest_builds_on_that_lost_its_manifest_is_named_and_asks_for_a_new_one()
    {
        await Place.RunAsync("backup", "--type", "full");
        await Place.RunAsync("backup", "--type", "incremental");
        var full = Assert.Single(Directory.GetFiles(Place.Store, "*.db.gz"));
        File.Delete(full + ".manifest.json");

        var found = await ExpectAsync("A", 4, "bring the manifest back from a copy of the store", "nexus-backup backup itsm");

        Assert.Contains($"its manifest {Path.GetFileName(full)}.manifest.json alone is missing or damaged", Text(found, "evidence"), StringComparison.Ordinal);
        Assert.DoesNotContain("mismatch", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_diagnosis_itself_sets_aside_is_in_its_level()
    {
        await Place.RunAsync("backup");
        await Place.RunAsync("backup");
        Damage.FlipBit(Directory.GetFiles(Place.Store, "*.db.gz").MaxBy(File.GetLastWriteTimeUtc)!);

        var (found, _) = await night.DiagnoseAsync();

        Assert.Equal(("A", "L1"), (Text(found, "cause"), Text(found, "level")));
    }

    [Fact]
    public async Task A_corrupt_backup_with_a_good_newer_one_is_no_longer_A()
    {
        await Place.RunAsync("backup");
        night.FlipBit();
        await Place.RunAsync("verify");
        await Place.RunAsync("backup");

        Assert.Equal("none", Text((await night.DiagnoseAsync()).Json, "cause"));
    }

    [Fact]
    public async Task A_backup_that_somebody_renamed_to_bad_is_L1_for_a_day_although_no_check_said_so()
    {
        night.GoByTheFileSystem();
        await Place.RunAsync("backup");
        File.Move(Place.Artifact(), Place.Artifact() + ".bad");
        File.SetLastWriteTimeUtc(Directory.GetFiles(Place.Store, "*.bad").Single(), DateTime.UnixEpoch.AddYears(50)); // a rename leaves it as it was, too
        await Place.RunAsync("backup");

        var source = (await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];

        Assert.Equal("L1", Text(source, "level"));
        Assert.Contains("set aside as corrupt within the last day", source.GetProperty("reasons")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_does_not_end_is_L1_as_the_alert_says()
    {
        await Place.RunAsync("backup");
        night.InJournal(journal => journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, Now.AddHours(-7))));

        var source = (await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];

        Assert.Equal("L1: its run has not ended for 6 h", source.GetProperty("reasons")[0].GetString());
    }

    [Theory]
    [InlineData("Interrupted", "no restore was practised for 40 days")]
    [InlineData("Restore", "the last restore drill failed")]
    public async Task A_drill_that_was_stopped_on_purpose_is_neither_practice_nor_a_failure(string kind, string reason)
    {
        await Place.RunAsync("backup");
        night.InJournal(operations =>
        {
            operations.Record(new Operation(0, "itsm", OperationKind.Drill, Now.AddDays(-41), Now.AddDays(-41), Backup: null, "", Failure: null));
            operations.Record(new Operation(0, "itsm", OperationKind.Drill, Now.AddDays(-1), Now.AddDays(-1), Backup: null, "", new RunFailure(Enum.Parse<FailureKind>(kind), "it was stopped", "look")));
        });

        var source = (await Place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];

        Assert.Equal($"L1: {reason}", source.GetProperty("reasons")[0].GetString());
    }

    [Fact]
    public async Task An_agent_that_stopped_is_B_although_the_backup_is_fresh()
    {
        await Place.RunAsync("backup");
        night.StopAgent();

        var found = await ExpectAsync("B", 3, "not running since", "sudo systemctl start nexus-backup   # or, where it is no service: nexus-backup run");
        Assert.Equal("L2", Text(found, "level"));
    }

    [Fact]
    public async Task A_heart_that_stopped_beating_is_B_although_the_process_lives()
    {
        await Place.RunAsync("backup");
        night.Agent(beat: Place.Clock.GetUtcNow().AddMinutes(-11));

        await ExpectAsync("B", 3, "stood still for 11 min", "sudo systemctl restart nexus-backup   # or, where it is no service: stop it, then nexus-backup run");
    }

    [Fact]
    public async Task A_schedule_that_did_not_start_is_B()
    {
        await Place.RunAsync("backup");
        night.InJournal(journal => journal.AddSource("itsm", Now.AddDays(-3)));

        await ExpectAsync("B", 3, "schedule daily was due", "sudo systemctl restart nexus-backup   # or, where it is no service: stop it, then nexus-backup run");
    }

    [SkippableFact]
    public async Task A_full_file_system_is_C()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=4m,mode=0777");
        Place.Configure("itsm", "itsm.db", disk.Path);
        Assert.Equal(0, (await Place.RunAsync("backup")).Code);
        await Shell.TryAsync("dd", "if=/dev/zero", $"of={disk.Path}/filler", "bs=4k");

        var found = await ExpectAsync("C", 8, disk.Path, $"df -h {disk.Path}");
        Assert.Contains("nexus-backup prune itsm --dry-run", Next(found));
        Assert.Equal("L2", Text(found, "level"));
        Assert.Equal(["filler"], Directory.GetFiles(disk.Path).Select(Path.GetFileName).Where(file => !file!.StartsWith("manual_", StringComparison.Ordinal) && file != StoreMarks.FileName));
    }

    [SkippableFact]
    public async Task Scratch_space_that_cannot_hold_the_database_is_C()
    {
        await Place.RunAsync("backup");
        await using var disk = await SmallFileSystem.MountAsync("size=64k");
        await File.AppendAllTextAsync(Place.Configuration, $"scratch: {disk.Path}\n");

        await ExpectAsync("C", 8, "scratch space", $"df -h {disk.Path}");
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(0, false)]
    public async Task Scratch_space_is_compared_with_the_largest_database_although_nothing_was_read_back(int spare, bool isFull)
    {
        await Place.RunAsync("backup");
        var seen = await ObserveAsync();
        var space = new StoreSpace(1 << 30, 1 << 30, seen.ScratchNeeded + spare);

        var found = FullDisk.Find(seen with { ReadBack = null, ScratchSpace = space, State = seen.State with { Store = seen.Store with { Space = null } } }, new Commands(configuration: null));

        Assert.True(seen.ScratchNeeded > 4096);
        Assert.Equal(isFull, found is { Cause: Cause.Disk } && found.Evidence.English.StartsWith("scratch space ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(899, false)]
    [InlineData(900, true)]
    public async Task A_disk_of_90_percent_is_C_before_anything_fails(int used, bool isFull)
    {
        await Place.RunAsync("backup");
        var seen = await ObserveAsync();

        var found = FullDisk.Find(seen with { State = seen.State with { Store = seen.Store with { Space = new StoreSpace(1000, 1000 - used, 1000 - used) } } }, new Commands(configuration: null));

        Assert.Equal(isFull, found is { Cause: Cause.Disk } && found.Evidence.English.Contains("90% used", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_read_error_is_told_although_the_agent_is_down_as_well()
    {
        await Place.RunAsync("backup");
        night.StopAgent();
        var seen = await ObserveAsync();

        var diagnosis = Flowchart.Walk(seen with { ReadBack = seen.ReadBack! with { Failure = new BackupException(FailureKind.Io, "cannot read it: Input/output error", "look") } }, new Commands(configuration: null));

        Assert.Equal([Cause.Scheduler, Cause.Unknown], diagnosis.Findings.Select(finding => finding.Cause));
        Assert.Equal("cannot read it: Input/output error", diagnosis.Findings[1].Evidence.English);
    }

    [Fact]
    public async Task A_run_that_somebody_stopped_is_told_and_is_no_cause()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.Interrupted, "the run of source 'itsm' was stopped", Place.Clock.GetUtcNow());

        var (healthy, code) = await night.DiagnoseAsync();

        Assert.Equal((0, "healthy", "OK"), (code, Text(healthy, "cause"), Text(healthy, "level")));
        Assert.Equal("somebody stopped it: the run of source 'itsm' was stopped", Text(healthy.GetProperty("steps").EnumerateArray().Last(), "evidence"));
        Assert.True((await Place.RunAsync("checklist", "--json")).Json[0].GetProperty("checks")[1].GetProperty("passed").GetBoolean());
        Assert.Contains("was stopped", (await Place.RunAsync("status")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_level_without_a_cause_has_its_reasons()
    {
        night.GoByTheFileSystem();
        await Place.RunAsync("backup");
        File.Move(Place.Artifact(), Place.Artifact() + ".bad");
        await Place.RunAsync("backup");

        var output = (await Place.RunAsync("diagnose", "--lang", "en")).Output;

        Assert.StartsWith("(times in Asia/Tokyo)\nitsm  ! no cause in the flowchart; what follows asks for a look  L1\n", output, StringComparison.Ordinal);
        Assert.Contains("  L1 a backup was set aside as corrupt within the last day", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Access_that_the_last_run_was_refused_and_that_is_given_now_passes_its_step()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.Permission, "cannot write the store: permission denied", Place.Clock.GetUtcNow());

        var found = await ExpectAsync("E", 3, "permission denied", $"ls -la {Place.Store}");

        var steps = found.GetProperty("steps").EnumerateArray().ToDictionary(step => Text(step, "step"), step => (step.GetProperty("passed").GetBoolean(), Text(step, "evidence")));
        Assert.True(steps["3E"].Item1);
        Assert.EndsWith(" now", steps["3E"].Item2, StringComparison.Ordinal);
        Assert.False(steps["3"].Item1);
    }

    [Fact]
    public async Task A_source_that_never_had_a_backup_beside_a_working_agent_is_F()
    {
        var result = await Place.RunAsync("diagnose", "--lang", "en");

        Assert.Equal(3, result.Code);
        Assert.Contains("[F] unknown, analyse the log", result.Output, StringComparison.Ordinal);
        Assert.Contains("next 1: journalctl -u nexus-backup", result.Output, StringComparison.Ordinal);
        Assert.Contains("#cause-f", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", "does not exist", "ls -la")]
    [InlineData("garbage", "is not an SQLite database", "sqlite3")]
    public async Task What_is_no_database_is_a_database_error_and_leads_to_a_restore(string what, string why, string command)
    {
        await Place.RunAsync("backup");
        File.Delete(Place.In("itsm.db"));
        if (what == "garbage")
            await File.WriteAllTextAsync(Place.In("itsm.db"), new string('x', 5000));

        var found = await ExpectAsync("DB", 3, why, what == "garbage" ? $"{command} {Place.In("itsm.db")} 'PRAGMA integrity_check'" : $"{command} {Place.Path}");
        Assert.Equal(["nexus-backup restore itsm --dry-run", "sudo nexus-backup restore itsm --force", "nexus-backup backup itsm"], Next(found).TakeLast(3));
        Assert.Equal(what == "missing", Next(found).Contains($"findmnt -T {Place.Path}"));
    }

    [Fact]
    public async Task A_lost_database_without_a_good_backup_is_L3_and_tells_what_earlier_restores_kept()
    {
        await Place.RunAsync("backup");
        Assert.Equal(0, (await Place.RunAsync("restore", "itsm", "--force")).Code);
        var copy = Assert.Single(Directory.GetFiles(Place.Path, "itsm.db.pre_restore.*"));
        night.FlipBit();
        await Place.RunAsync("verify", "--no-replacement");
        File.Delete(Place.In("itsm.db"));

        var (found, _) = await night.DiagnoseAsync();

        Assert.Equal("L3", Text(found, "level"));
        Assert.Equal($"L3: no backup can be restored; what earlier restores kept beside the database: {copy}", found.GetProperty("reasons")[0].GetString());
        Assert.Contains($"sqlite3 -readonly {copy} 'PRAGMA integrity_check'", Next(found));
        Assert.DoesNotContain(Next(found), command => command!.Contains("restore itsm", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_cannot_be_known_is_neither_passed_nor_failed()
    {
        Directory.Delete(Place.Store, recursive: true);

        var steps = (await night.DiagnoseAsync()).Json.GetProperty("steps").EnumerateArray().ToDictionary(step => Text(step, "step"), step => step.GetProperty("passed").ValueKind);

        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null, JsonValueKind.False, JsonValueKind.Null), (steps["1"], steps["3C"], steps["3E"], steps["3"]));
        Assert.Contains("  – [3C] disk space: the store does not tell", (await Place.RunAsync("diagnose", "--lang", "en")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_of_a_damaged_database_is_a_database_error_and_no_checksum_mismatch()
    {
        await Place.RunAsync("backup");
        await using (var file = File.OpenWrite(Place.In("itsm.db")))
        {
            file.Position = 20 * 4096;
            file.Write(Enumerable.Repeat((byte)0xA5, 4096).ToArray());
        }

        Assert.Equal(3, (await Place.RunAsync("backup")).Code);

        var found = await ExpectAsync("DB", 3, "corrupt", $"sqlite3 {Place.In("itsm.db")} 'PRAGMA integrity_check'");
        Assert.Contains("nexus-backup restore itsm --dry-run", Next(found));

        Assert.Equal(0, (await Place.RunAsync("restore", "itsm", "--force")).Code);
        found = await ExpectAsync("F", 3, "tried now, that is over", "nexus-backup backup itsm");
        Assert.Single(Next(found));

        Assert.Equal(0, (await Place.RunAsync("backup")).Code);
        Assert.Equal("none", Text((await night.DiagnoseAsync()).Json, "cause")); // the corrupt one is news for a day
    }

    [Fact]
    public async Task A_full_disk_that_has_room_again_is_told_as_mended()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.StoreFull, "no room for it", Place.Clock.GetUtcNow());

        var found = await ExpectAsync("F", 3, "no room for it; tried now, that is over", "nexus-backup backup itsm");

        Assert.DoesNotContain(Next(found), command => command!.StartsWith("df", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("StoreFull", "the last run failed, its cause is over → back up to prove it")]
    [InlineData("Unexpected", "unknown, analyse the log")]
    public async Task A_run_that_died_hides_no_failure_before_it(string before, string title)
    {
        await Place.RunAsync("backup");
        night.FailRun(Enum.Parse<FailureKind>(before), "it met this", Place.Clock.GetUtcNow());
        night.InJournal(journal => journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, Place.Clock.GetUtcNow())));

        var found = (await Place.RunAsync("diagnose", "--lang", "en")).Output;

        Assert.Contains("the last run was cut off → back up again", found, StringComparison.Ordinal);
        Assert.Contains(title, found, StringComparison.Ordinal);
        Assert.Contains("it met this", found, StringComparison.Ordinal);
        var (json, _) = await night.DiagnoseAsync();
        Assert.Contains(json.GetProperty("log").EnumerateArray(), line => line.GetString()!.Contains("it met this", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_fails_now_comes_before_a_run_that_died()
    {
        await Place.RunAsync("backup");
        night.InJournal(journal => journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, Place.Clock.GetUtcNow())));
        File.Delete(Place.In("itsm.db"));

        var (json, _) = await night.DiagnoseAsync();

        Assert.Equal("DB", Text(json, "cause"));
        Assert.Equal("F", json.GetProperty("also").EnumerateArray().Last().GetString());
    }

    [Fact]
    public async Task A_store_that_was_too_small_for_the_first_backup_is_full_until_one_fits()
    {
        night.FailRun(FailureKind.StoreFull, "no room for it", Place.Clock.GetUtcNow());

        var found = await ExpectAsync("C", 8, "no room for it", $"df -h {Place.Store}");

        Assert.DoesNotContain("that is over", found.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, false)]
    public async Task There_is_room_again_when_the_next_backup_fits(int spare, bool isOver)
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.StoreFull, "no room for it", Place.Clock.GetUtcNow());
        var seen = await ObserveAsync();
        var space = new StoreSpace(1 << 30, 1 << 30, SpaceGuard.Estimate(seen.State.Backups, BackupType.Full) + spare);

        Assert.Equal(isOver, LastFailure.IsOver(seen with { State = seen.State with { Store = seen.Store with { Space = space } } }));
        Assert.Equal(isOver, LastFailure.IsOver(seen with { ScratchSpace = new StoreSpace(1 << 30, 1 << 30, seen.ScratchNeeded + spare) }));
    }

    [Theory]
    [InlineData("drill", "nexus-backup drill itsm")]
    [InlineData("corrupt", "nexus-backup verify itsm --all")]
    public async Task A_level_without_a_cause_is_not_called_healthy_and_has_a_next_command(string trouble, string next)
    {
        night.GoByTheFileSystem();
        await Place.RunAsync("backup");
        if (trouble == "corrupt")
            File.Move(Place.Artifact(), Place.Artifact() + ".bad");
        else
            night.InJournal(operations => operations.Record(new Operation(0, "itsm", OperationKind.Drill, Place.Clock.GetUtcNow(), Place.Clock.GetUtcNow(), Backup: null, "", new RunFailure(FailureKind.Restore, "no", "look"))));
        await Place.RunAsync("backup");

        var (found, _) = await night.DiagnoseAsync();

        Assert.Equal(("none", "L1"), (Text(found, "cause"), Text(found, "level")));
        foreach (var (language, word) in ((string, string)[])[("en", "healthy"), ("ja", "バックアップ正常")])
            Assert.DoesNotContain(word, (await Place.RunAsync("diagnose", "--lang", language)).Output, StringComparison.Ordinal);
        Assert.Equal([next], Next(found));
    }

    [SkippableFact]
    public async Task A_database_that_another_process_keeps_locked_is_a_database_error_and_names_how_to_find_it()
    {
        Need.Tool("sqlite3");
        await Place.RunAsync("backup");
        using var holder = Shell.Start("sqlite3", Place.In("itsm.db"));
        await holder.StandardInput.WriteLineAsync("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; SELECT 'held';");
        await holder.StandardInput.FlushAsync();
        while (await holder.StandardOutput.ReadLineAsync() is not "held")
            Assert.False(holder.HasExited, await ErrorOf(holder));

        await ExpectAsync("DB", 3, "locked", $"sudo fuser -v {Place.In("itsm.db")}");
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
    }

    [SkippableFact]
    public async Task A_store_that_refuses_to_be_written_is_E()
    {
        await Place.RunAsync("backup");

        var found = await AsOrdinaryUserAsync($"chmod 0500 '{Place.Store}'");

        Assert.Contains("[E] storage or permission error  L2", found, StringComparison.Ordinal); // as the alert says
        Assert.Contains("permissions: cannot write in store 'local'", found, StringComparison.Ordinal);
        Assert.Contains($"ls -la {Place.Store}", found, StringComparison.Ordinal);
        Assert.Contains("exit code 3", found, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_store_that_refuses_everything_is_mended_itself_and_not_the_directory_in_it()
    {
        await File.WriteAllTextAsync(Place.Configuration, (await File.ReadAllTextAsync(Place.Configuration)).Replace("directory: .", "directory: itsm", StringComparison.Ordinal));
        await Place.RunAsync("backup");

        var found = await AsOrdinaryUserAsync($"chmod 0000 '{Place.Store}'");

        Assert.Contains("  – [1] newest good backup: unknown: the store cannot be read", found, StringComparison.Ordinal);
        Assert.Contains($"next 3: sudo chmod u+rwx {Place.Store}\n", found, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_database_that_may_not_be_read_is_E()
    {
        await Place.RunAsync("backup");

        var found = await AsOrdinaryUserAsync($"chmod 0000 '{Place.In("itsm.db")}'");

        Assert.Contains("[E] storage or permission error", found, StringComparison.Ordinal);
        Assert.Contains($"namei -l {Place.In("itsm.db")}", found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_is_not_mounted_is_E_and_says_where_to_look()
    {
        await Place.RunAsync("backup");
        Directory.Delete(Place.Store, recursive: true);

        await ExpectAsync("E", 3, "does not exist", $"findmnt -T {Place.Store}");
        Assert.False(Directory.Exists(Place.Store));
    }

    [Fact]
    public async Task A_failure_whose_cause_is_over_is_told_as_mended_and_asks_for_a_backup_to_prove_it()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.SourceMissing, "the database does not exist", Place.Clock.GetUtcNow());

        var found = await ExpectAsync("F", 3, "tried now, that is over", "nexus-backup backup itsm");

        Assert.Contains("its cause is over", Text(found, "title"), StringComparison.Ordinal);
        Assert.Single(Next(found));
    }

    [Fact]
    public async Task What_is_wrong_now_is_told_before_a_failure_whose_cause_is_over()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.SourceMissing, "the database does not exist", Place.Clock.GetUtcNow());
        Directory.Delete(Place.Store, recursive: true);

        var found = await ExpectAsync("E", 3, Place.Store, $"findmnt -T {Place.Store}");

        Assert.Equal(["F"], found.GetProperty("also").EnumerateArray().Select(also => also.GetString()));
    }

    [Fact]
    public async Task A_failure_that_fits_nowhere_is_F_with_the_lines_that_matter()
    {
        await Place.RunAsync("backup");
        night.FailRun(FailureKind.TimedOut, "the run of source 'itsm' exceeded its time limit", Place.Clock.GetUtcNow());
        await File.WriteAllTextAsync(Place.In("agent20260214.log"), "02:00 INF fine of itsm\n02:01 ERR run_failed backup of itsm failed: slow\n02:02 ERR backup of other failed\n");
        await File.AppendAllTextAsync(Place.Configuration, $"log: {{file: {Place.In("agent.log")}}}\n");

        var found = await ExpectAsync("F", 3, "exceeded its time limit", "journalctl -u nexus-backup --since '48 hours ago'");
        var log = found.GetProperty("log").EnumerateArray().Select(line => line.GetString()!).Where(line => !line.StartsWith("unit: ", StringComparison.Ordinal) && !line.StartsWith("kernel: ", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, log.Count);
        Assert.Contains("exceeded its time limit", log[0], StringComparison.Ordinal);
        Assert.Equal("log: 02:01 ERR run_failed backup of itsm failed: slow", log[1]);
    }

    [Fact]
    public async Task Of_several_troubles_what_hinders_a_backup_is_mended_first_and_the_rest_is_told()
    {
        await Place.RunAsync("backup");
        night.FlipBit();
        File.Delete(Place.In("itsm.db"));
        night.StopAgent();

        var found = await ExpectAsync("A", 4, "SHA-256", "ls -la " + Place.Path);

        Assert.Equal(["DB", "B"], found.GetProperty("also").EnumerateArray().Select(also => also.GetString()));
        Assert.Equal(
            ["ls", "nexus-backup list itsm", "nexus-backup backup itsm", "nexus-backup verify itsm --all", "sudo systemctl start nexus-backup   # or, where it is no service: nexus-backup run", "nexus-backup status"],
            Next(found).Select(command => command!.StartsWith("ls", StringComparison.Ordinal) ? "ls" : command));
    }

    [Fact]
    public async Task The_next_command_can_be_pasted_whatever_the_source_is_called_and_wherever_its_configuration_lies()
    {
        Place.Configure("総務 部", "itsm.db");
        File.Move(Place.Configuration, Place.In("my nexus.yml"));

        var (found, _) = await night.DiagnoseAsync("--config", "my nexus.yml");

        Assert.Contains($"nexus-backup backup '総務 部' --config '{Place.In("my nexus.yml")}' --verbose", Next(found));
    }

    [Fact]
    public async Task It_fits_one_screen_and_speaks_japanese()
    {
        await Place.RunAsync("backup");
        night.FlipBit();

        var result = await Place.RunAsync("diagnose", "itsm", "--lang", "ja");

        Assert.Equal(4, result.Code);
        Assert.Contains("[A] チェックサム不一致 → [D] 再バックアップ", result.Output, StringComparison.Ordinal);
        Assert.Contains("次の対応 1: nexus-backup backup itsm", result.Output, StringComparison.Ordinal);
        Assert.Contains("https://github.com/nexus-backup/nexus-backup-agent/blob/main/docs/runbook.ja.md#cause-a", result.Output, StringComparison.Ordinal);
        Assert.InRange(result.Output.Split('\n').Length, 5, 24);
    }

    private async Task<Observation> ObserveAsync()
    {
        var (configuration, _) = ConfigurationFile.Load(Place.Configuration, TimeZoneInfo.Utc);
        using var session = await CommandSession.OpenAsync(configuration!, new Terminal(TextWriter.Null, TextWriter.Null, outputIsWatched: false, errorIsWatched: false), Place.Clock, false);
        return await session.Agent.Observer.ObserveAsync(await session.Agent.States.ReadAsync(CancellationToken.None), session.Agent.Roster.Current.Single(), evenStale: false, progress: null, CancellationToken.None);
    }

    private async Task<JsonElement> ExpectAsync(string cause, int exitCode, string evidence, string next)
    {
        var (found, code) = await night.DiagnoseAsync();
        Assert.True((cause, exitCode) == (Text(found, "cause"), code), found.ToString());
        Assert.Contains(evidence, Text(found, "evidence"), StringComparison.Ordinal);
        Assert.Equal(next, Next(found)[0]);
        return found;
    }

    /// <summary>Root may write everywhere, so where the tests run as root another user looks, to whom all of it belongs.</summary>
    private async Task<string> AsOrdinaryUserAsync(string spoil)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            await Shell.BashAsync(spoil);
            var result = await Place.RunAsync("diagnose", "--lang", "en");
            await Shell.BashAsync($"chmod -R u+rwX '{Place.Path}'");
            return $"{result.Output}exit code {result.Code}";
        }

        Need.Tool("setpriv");
        await Shell.BashAsync($"chown -R 65534:65534 '{Place.Path}' && {spoil}");
        return await Child.RunAsUserAsync("command", $"{Workplace.Now:O}", Place.Path, "diagnose", "--lang", "en");
    }

    private static async Task<string> ErrorOf(System.Diagnostics.Process process) => process.HasExited ? await process.StandardError.ReadToEndAsync() : "";

    private static List<string?> Next(JsonElement diagnosis) => [.. diagnosis.GetProperty("next").EnumerateArray().Select(command => command.GetString())];
}
