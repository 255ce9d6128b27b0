using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

/// <summary>The restore as an operator meets it: what is printed, and the exit code.</summary>
public sealed class RestoreCommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_forced_restore_tells_its_steps_and_ends_with_where_everything_is()
    {
        await BackUpAndWriteAsync();

        var result = await place.RunAsync("restore", "itsm", "--force");

        Assert.Equal((0, ""), (result.Code, result.Error));
        Assert.Equal(0, Rows("written later"));
        Assert.Equal(5000, Rows("メール%"));
        var safety = Directory.GetFiles(place.Path, "itsm.db.pre_restore.*").Single();
        var last = result.Output.TrimEnd().Split('\n')[^1];
        Assert.StartsWith($"✓ itsm restored to {place.In("itsm.db")} from manual_", last, StringComparison.Ordinal);
        Assert.EndsWith($"the old one is {safety}", last, StringComparison.Ordinal);
        Assert.Contains("· put the restored file in place", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/srv/fast", "is no move", 2)]
    [InlineData("fast=/srv/other", "is no move", 2)]
    [InlineData("/srv/fast=/srv/other", "has no tablespaces", 5)]
    public async Task A_move_that_is_none_or_that_the_source_can_not_make_is_refused(string move, string problem, int code)
    {
        await place.RunAsync("backup");

        var result = await place.RunAsync("restore", "itsm", "--to", place.In("look.db"), "--tablespace", move);

        Assert.Equal(code, result.Code);
        Assert.Contains(problem, result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(place.In("look.db")));
    }

    [Fact]
    public async Task It_is_said_once_that_it_is_looked_who_has_it_open()
    {
        await BackUpAndWriteAsync();

        var result = await place.RunAsync("restore", "itsm", "--force");

        Assert.Single(result.Output.Split('\n'), line => line.Contains("look who has", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task A_restore_tells_owner_and_mode_of_the_file_and_keeps_those_of_the_old_one()
    {
        await BackUpAndWriteAsync();
        File.SetUnixFileMode(place.In("itsm.db"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var owner = await Shell.RunAsync("stat", "-c", "%U:%G", place.In("itsm.db"));

        var text = await place.RunAsync("restore", "itsm", "--force");
        var json = (await place.RunAsync("restore", "itsm", "--force", "--json")).Json;

        Assert.Contains($"; owner {owner}, mode 0604; the old one is", text.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("chown", text.Output, StringComparison.Ordinal);
        Assert.Equal((owner, "0604", null), (json.GetProperty("owner").GetString(), json.GetProperty("mode").GetString(), json.GetProperty("chown").GetString()));
    }

    [SkippableFact]
    public async Task A_lost_database_comes_back_with_the_command_that_gives_it_to_its_service()
    {
        await place.RunAsync("backup");
        File.Delete(place.In("itsm.db"));

        var text = await place.RunAsync("restore", "itsm");
        var facts = await Shell.RunAsync("stat", "-c", "%U:%G, mode 0%a", place.In("itsm.db"));
        File.Delete(place.In("itsm.db"));
        var json = (await place.RunAsync("restore", "itsm", "--json")).Json;

        Assert.Equal(0, text.Code);
        Assert.Contains($"; owner {facts}", text.Output, StringComparison.Ordinal);
        Assert.EndsWith(", mode 0640", facts, StringComparison.Ordinal);
        Assert.EndsWith($"— next: sudo chown USER:GROUP {place.In("itsm.db")}", text.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal($"sudo chown USER:GROUP {place.In("itsm.db")}", json.GetProperty("chown").GetString());

        var elsewhere = (await place.RunAsync("restore", "itsm", "--to", place.In("look.db"), "--json")).Json;
        Assert.Equal(("0640", null), (elsewhere.GetProperty("mode").GetString(), elsewhere.GetProperty("chown").GetString()));
    }

    [Fact]
    public async Task Without_force_it_is_refused_with_five_and_nothing_changes()
    {
        await BackUpAndWriteAsync();
        var before = await File.ReadAllBytesAsync(place.In("itsm.db"));

        var result = await place.RunAsync("restore", "itsm");

        Assert.Equal(5, result.Code);
        Assert.Matches(@"would lose everything since \S+ \S+ \S+ \(\d+ s\)", Assert.Single(result.Errors));
        Assert.Empty(result.Output);
        Assert.Equal(before, await File.ReadAllBytesAsync(place.In("itsm.db")));
    }

    [SkippableTheory]
    [InlineData("", "stop that first (systemctl stop …), or have restore.before stop it and restore.after start it; then --force does it")]
    [InlineData("    restore: {before: [[systemctl, stop, itsm]]}\n", "restore.before stops that first (systemctl stop itsm); --force does it")]
    public async Task Where_a_program_has_it_open_the_refusal_names_the_order(string restore, string order)
    {
        await BackUpAndWriteAsync();
        await File.AppendAllTextAsync(place.Configuration, restore);
        await using var application = await SqliteSamples.HoldAsync(place.In("itsm.db"), "db.execute('SELECT count(*) FROM incidents').fetchall()");

        Assert.Contains(order, Assert.Single((await place.RunAsync("restore", "itsm")).Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_killed_restore_elsewhere_left_is_named_and_removed_by_the_next_one_there()
    {
        await place.RunAsync("backup");
        var left = place.In(".look.db.0123abcd.restoring");
        await File.WriteAllTextAsync(left, "half");

        Assert.Contains($"removes     {left}, which a restore left", (await place.RunAsync("restore", "itsm", "--to", "look.db", "--dry-run")).Output, StringComparison.Ordinal);
        Assert.True(File.Exists(left));
        Assert.Contains($"removed what a restore left that was killed: {left}", (await place.RunAsync("restore", "itsm", "--to", "look.db")).Output, StringComparison.Ordinal);
        Assert.False(File.Exists(left));
    }

    [Fact]
    public async Task A_dry_run_prints_the_plan_and_touches_nothing()
    {
        await BackUpAndWriteAsync();
        var before = await ListAsync() + await TimesAsync();

        var result = await place.RunAsync("restore", "itsm", "--force", "--dry-run");

        Assert.Equal((0, ""), (result.Code, result.Error));
        foreach (var said in (string[])["the newest that was read back and found good", place.Artifact(), "itsm.db.pre_restore.", "everything since", "no drill yet", "needed", "nothing is touched"])
            Assert.Contains(said, result.Output, StringComparison.Ordinal);
        Assert.Equal(before, await ListAsync() + await TimesAsync());
    }

    [Fact]
    public async Task A_dry_run_prints_the_plan_and_ends_with_0_whether_or_not_something_would_be_overwritten()
    {
        await BackUpAndWriteAsync();
        var over = await place.RunAsync("restore", "itsm", "--dry-run");
        var forced = await place.RunAsync("restore", "itsm", "--dry-run", "--force");
        var json = await place.RunAsync("restore", "itsm", "--dry-run", "--json");
        var elsewhere = await place.RunAsync("restore", "itsm", "--dry-run", "--to", "look.db");

        Assert.All((CommandResult[])[over, forced, json, elsewhere], result => Assert.Equal((0, ""), (result.Code, result.Error)));
        Assert.Contains("--force", over.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("--force", forced.Output + elsewhere.Output, StringComparison.Ordinal);
        Assert.True(json.Json.GetProperty("plan").GetProperty("needsForce").GetBoolean());
    }

    [Fact]
    public async Task A_dry_run_ends_with_the_code_of_what_can_not_be_done()
    {
        await place.RunAsync("backup");

        var result = await place.RunAsync("restore", "itsm", "--dry-run", "--to", "no/such/directory/x.db");

        Assert.Equal(5, result.Code);
        Assert.Contains("its directory does not exist", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Contains("nothing is touched", result.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_dry_run_beside_the_running_service_says_what_has_to_be_stopped()
    {
        Need.Tool("sqlite3");
        await BackUpAndWriteAsync();
        using var service = Shell.Start("sqlite3", place.In("itsm.db"));
        await service.StandardInput.WriteLineAsync("BEGIN; SELECT count(*) FROM incidents;");
        await service.StandardInput.FlushAsync();
        await service.StandardOutput.ReadLineAsync();

        var planned = await place.RunAsync("restore", "itsm", "--dry-run");
        var refused = await place.RunAsync("restore", "itsm", "--force");
        service.Kill();

        Assert.Equal((0, 5), (planned.Code, refused.Code));
        Assert.Contains("stop it before the restore", planned.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_only_backup_is_corrupt_the_restore_says_who_makes_a_new_one()
    {
        await BackUpAndWriteAsync();
        Damage(place.Artifact());

        var alone = Assert.Single((await place.RunAsync("restore", "itsm", "--force")).Errors);
        CommandResult beside;
        using (RunLock.TryAcquire(place.In("state"), RunLock.Agent))
        {
            using (var database = JournalDatabase.Open(place.In("state"), Workplace.Now, out _))
                new OperationJournal(database).Beat(place.Clock.GetUtcNow());
            beside = await place.RunAsync("restore", "itsm", "--force");
        }

        File.Delete(place.In("itsm.db"));
        var lost = Assert.Single((await place.RunAsync("restore", "itsm")).Errors);

        Assert.Contains("no agent runs that would make a new backup", alone, StringComparison.Ordinal);
        Assert.Contains("nexus-backup backup itsm", alone, StringComparison.Ordinal);
        Assert.Contains("makes a new backup", Assert.Single(beside.Errors), StringComparison.Ordinal);
        Assert.Contains("ask for it: nexus-backup status itsm", Assert.Single(beside.Errors), StringComparison.Ordinal);
        Assert.Contains("no new backup can be made, because the database is gone, or does not answer, as well", lost, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dry_run_tells_how_long_the_last_drill_took()
    {
        await BackUpAndWriteAsync();
        using (var database = JournalDatabase.Open(place.In("state"), Workplace.Now, out _))
        {
            var journal = new OperationJournal(database);
            journal.Record(new Operation(0, "itsm", OperationKind.Drill, Some.Instant, Some.Instant.AddSeconds(12.5), Backup: null, "drill", Failure: null));
        }

        Assert.Contains("took 12.5 s, 2026-02-14 11:00:12", (await place.RunAsync("restore", "itsm", "--force", "--dry-run")).Output, StringComparison.Ordinal);
        Assert.Equal(12.5, (await place.RunAsync("restore", "itsm", "--force", "--dry-run", "--json")).Json.GetProperty("plan").GetProperty("lastDrillSeconds").GetDouble());
    }

    [Fact]
    public async Task The_plan_and_the_status_tell_the_same_recovery_time()
    {
        await BackUpAndWriteAsync();
        Assert.Equal(0, (await place.RunAsync("drill")).Code);

        var planned = (await place.RunAsync("restore", "itsm", "--force", "--dry-run", "--json")).Json.GetProperty("plan").GetProperty("lastDrillSeconds").GetDouble();

        Assert.Equal((await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("lastDrill").GetProperty("seconds").GetDouble(), planned, 3);
    }

    [Fact]
    public async Task Json_is_one_document_on_the_output_whatever_happens()
    {
        await BackUpAndWriteAsync();

        var refused = await place.RunAsync("restore", "itsm", "--json");
        Assert.Equal(5, refused.Code);
        Assert.Equal("failed", refused.Json.GetProperty("result").GetString());
        Assert.Contains("would lose", refused.Json.GetProperty("message").GetString(), StringComparison.Ordinal);

        var planned = await place.RunAsync("restore", "itsm", "--json", "--dry-run", "--force");
        Assert.Equal("planned", planned.Json.GetProperty("result").GetString());
        Assert.True(planned.Json.GetProperty("plan").GetProperty("neededBytes").GetInt64() > 100_000);

        var restored = await place.RunAsync("restore", "itsm", "--json", "--force");
        Assert.Equal((0, ""), (restored.Code, restored.Error));
        Assert.Equal("restored", restored.Json.GetProperty("result").GetString());
        Assert.Equal(place.In("itsm.db"), restored.Json.GetProperty("target").GetString());
        Assert.True(File.Exists(restored.Json.GetProperty("safetyCopy").GetString()));
    }

    [Fact]
    public async Task A_bad_backup_is_told_and_the_older_one_is_restored()
    {
        await place.RunAsync("backup");
        await BackUpAndWriteAsync("between");
        var newest = (await place.RunAsync("list", "--json")).Json[0].GetProperty("file").GetString()!;
        Damage(newest);

        var result = await place.RunAsync("restore", "itsm", "--force");

        Assert.Equal(0, result.Code);
        Assert.Contains($"✗ {Path.GetFileName(newest)}: its SHA-256", result.Output, StringComparison.Ordinal);
        Assert.Equal(0, Rows("between"));

        // Known by now; passed over without reading it again.
        var plan = await place.RunAsync("restore", "itsm", "--force", "--dry-run", "--json");
        Assert.StartsWith("corrupt: its SHA-256", plan.Json.GetProperty("passedOver")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_every_backup_is_corrupt_it_fails_with_five()
    {
        await BackUpAndWriteAsync();
        Damage(place.Artifact());

        foreach (var _ in (int[])[1, 2])
        {
            var result = await place.RunAsync("restore", "itsm", "--force");
            Assert.Equal(5, result.Code);
            Assert.Contains(Path.GetFileName(place.Artifact()), Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        }

        Assert.Equal(1, Rows("written later"));
    }

    [Fact]
    public async Task A_chosen_backup_that_is_corrupt_fails_with_five()
    {
        await place.RunAsync("backup");
        await BackUpAndWriteAsync();
        Damage(place.Artifact());

        var result = await place.RunAsync("restore", "itsm", "--force", "--id", Path.GetFileName(place.Artifact()));

        Assert.Equal(5, result.Code);
        Assert.Contains("is corrupt", Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal(1, Rows("written later"));
    }

    [Theory]
    [InlineData("no backups", "restore", "itsm")]
    [InlineData("there is no source 'itms'", "restore", "itms")]
    public async Task What_is_not_there_ends_with_six(string expected, params string[] arguments)
    {
        var result = await place.RunAsync(arguments);

        Assert.Equal(6, result.Code);
        Assert.Contains(expected, Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no backup 'x'", "--id", "x")]
    [InlineData("its oldest is from", "--at", "2020-01-01")]
    public async Task A_backup_that_is_not_there_ends_with_six_and_names_what_is(string expected, params string[] wish)
    {
        await place.RunAsync("backup");

        var result = await place.RunAsync(["restore", "itsm", "--force", .. wish]);

        Assert.Equal(6, result.Code);
        Assert.Contains(expected, Assert.Single(result.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("restore")]
    [InlineData("restore", "itsm", "--id", "x", "--at", "2026-02-14")]
    [InlineData("restore", "itsm", "--at", "yesterday")]
    [InlineData("restore", "itsm", "--froce")]
    [InlineData("restore", "itsm", "--to", "")]
    public async Task Wrong_usage_ends_with_two(params string[] arguments) => Assert.Equal(2, (await place.RunAsync(arguments)).Code);

    [Fact]
    public async Task A_missing_source_is_told_in_plain_words() =>
        Assert.Equal("error: nexus-backup restore needs a SOURCE — next: nexus-backup restore --help", Assert.Single((await place.RunAsync("restore")).Errors));

    [Fact]
    public async Task A_directory_to_restore_to_gets_a_file_of_the_databases_name()
    {
        await place.RunAsync("backup");
        Directory.CreateDirectory(place.In("look"));

        Assert.Equal(0, (await place.RunAsync("restore", "itsm", "--to", "look")).Code);

        Assert.Equal(Rows("%"), Rows("%", "look/itsm.db"));
        Assert.Equal(5, (await place.RunAsync("restore", "itsm", "--to", "no/such/directory/x.db")).Code);
    }

    [Fact]
    public async Task The_live_path_spelled_out_is_the_live_database()
    {
        await BackUpAndWriteAsync();

        Assert.Contains("would lose everything since", (await place.RunAsync("restore", "itsm", "--to", "./itsm.db")).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("backups", "belongs to the agent itself")]
    [InlineData("backups/x.db", "belongs to the agent itself")]
    [InlineData("state/x.db", "belongs to the agent itself")]
    [InlineData("nexus-backup.yml", "belongs to the agent itself")]
    [InlineData("itsm.db-wal", "belongs to the database")]
    public async Task What_belongs_to_the_agent_or_to_the_database_is_no_place_to_restore_to(string to, string expected)
    {
        await BackUpAndWriteAsync();
        var before = await ListAsync();

        var result = await place.RunAsync("restore", "itsm", "--force", "--to", to);

        Assert.Equal(5, result.Code);
        Assert.Contains(expected, Assert.Single(result.Errors), StringComparison.Ordinal);
        Assert.Equal(before, await ListAsync());
    }

    [SkippableFact]
    public async Task A_journal_that_fails_only_at_the_end_does_not_make_a_restore_fail()
    {
        await BackUpAndWriteAsync();
        await SqliteSamples.SqlAsync(place.In("state/journal.db"), "CREATE TRIGGER fault BEFORE UPDATE ON operations BEGIN SELECT RAISE(ABORT, 'scripted fault'); END");

        var result = await place.RunAsync("restore", "itsm", "--force", "--json");

        Assert.Equal((0, "restored"), (result.Code, result.Json.GetProperty("result").GetString()));
        Assert.Contains("scripted fault", result.Json.GetProperty("notRecorded").GetString(), StringComparison.Ordinal);
        Assert.Contains("not recorded; the database IS restored", result.Error, StringComparison.Ordinal);
        Assert.Equal("1", await SqliteSamples.SqlAsync(place.In("state/journal.db"), "SELECT count(*) FROM operations WHERE kind = 'restore' AND ended_at IS NULL"));
        Assert.Equal(0, Rows("written later"));
    }

    [Fact]
    public async Task A_database_that_was_lost_is_restored_without_force()
    {
        await place.RunAsync("backup");
        File.Delete(place.In("itsm.db"));

        Assert.Equal(0, (await place.RunAsync("restore", "itsm")).Code);

        Assert.Equal(5000, Rows("%"));
    }

    [SkippableTheory]
    [InlineData("ro")]
    [InlineData("full")]
    [InlineData("full later")]
    public async Task Without_a_writable_state_the_data_comes_back_all_the_same(string trouble)
    {
        await BackUpAndWriteAsync();
        await using var small = await SmallFileSystem.MountAsync("size=1m");
        await File.WriteAllTextAsync(place.Configuration, $"state: {small.Path}\n" + await File.ReadAllTextAsync(place.Configuration));
        if (trouble == "full later") // with journal and lock there already
            Assert.Equal(0, (await place.RunAsync("drill")).Code);
        if (trouble == "ro")
            await small.RemountAsync("ro");
        else
            await Shell.TryAsync("dd", "if=/dev/zero", $"of={small.Path}/fill", "bs=4k");

        var drill = await place.RunAsync("drill");
        Assert.True(drill.Code == (trouble == "ro" ? 5 : 8), $"{drill.Code}: {drill.Error}");
        Assert.Equal(0, (await place.RunAsync("list")).Code);
        var result = await place.RunAsync("restore", "itsm", "--force", "--json");

        Assert.Equal((0, "restored"), (result.Code, result.Json.GetProperty("result").GetString()));
        Assert.NotEmpty(result.Json.GetProperty("notRecorded").GetString()!);
        Assert.Contains("not recorded; the database IS restored", result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Errors);
        Assert.Equal(0, Rows("written later"));
    }

    private async Task BackUpAndWriteAsync(string before = "")
    {
        if (before.Length > 0)
            Write(before);
        Assert.Equal(0, (await place.RunAsync("backup")).Code);
        Write("written later");
    }

    private void Write(string title)
    {
        using var connection = place.Open("itsm.db");
        Workplace.Execute(connection, $"INSERT INTO incidents (title) VALUES ('{title}')");
    }

    private long Rows(string title, string file = "itsm.db")
    {
        using var connection = place.Open(file);
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM incidents WHERE title LIKE '{title}'";
        return (long)command.ExecuteScalar()!;
    }

    private Task<string> ListAsync() => Shell.BashAsync($"cd '{place.Path}'; find . -path ./state -prune -o -type f -exec sha256sum {{}} + | sort -k2");

    /// <summary>Of directories too: what was made in one and removed again shows there.</summary>
    private Task<string> TimesAsync() => Shell.BashAsync($"cd '{place.Path}'; find . -path ./state -prune -o -printf '%p %T@ %m %u\n' | sort");

    private static void Damage(string artifact)
    {
        var bytes = File.ReadAllBytes(artifact);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(artifact, bytes);
    }
}
