using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Artifacts.Deflate;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Cli;

public sealed class CommandTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task A_backup_says_where_it_is_and_that_it_was_verified()
    {
        var result = await place.RunAsync("backup");

        Assert.Equal(0, result.Code);
        Assert.Empty(result.Error);
        var line = Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(place.Artifact(), line, StringComparison.Ordinal);
        Assert.Contains("verified", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_json_of_a_run_holds_what_scripts_need()
    {
        var run = (await place.RunAsync("backup", "--json")).Json[0];

        Assert.Equal(
            ["source", "schedule", "type", "fullBecause", "result", "id", "file", "sizeBytes", "contentBytes", "sha256", "seconds", "failure", "class", "message", "hint"],
            run.EnumerateObject().Select(property => property.Name));
        Assert.Equal(("itsm", "manual", "full", "success"), (Text(run, "source"), Text(run, "schedule"), Text(run, "type"), Text(run, "result")));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Text(run, "file")!))), Text(run, "sha256"));
    }

    [Fact]
    public async Task An_increment_is_asked_for_by_its_type()
    {
        var first = await place.RunAsync("backup", "--type", "incremental");
        Assert.Contains("full instead of incremental, because there is no good backup to build on", first.Output, StringComparison.Ordinal);

        using (var connection = place.Open("itsm.db"))
            Workplace.Execute(connection, "UPDATE incidents SET title = 'x' WHERE id = 7");
        var second = await place.RunAsync("backup", "--type", "differential");
        Assert.Matches(@"db-wal\.gz +[\d.]+ KiB of changes in [\d.]+ (KiB|MiB) → ", second.Output);

        var run = (await place.RunAsync("backup", "--type", "incremental", "--json")).Json[0];
        Assert.Equal(("incremental", null), (Text(run, "type"), Text(run, "fullBecause")));
        Assert.Equal(["incremental", "differential", "full"], (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => Text(backup, "type")));
    }

    [Fact]
    public async Task The_list_tells_why_a_backup_became_full_and_of_no_other()
    {
        await place.RunAsync("backup", "--type", "incremental");
        await place.RunAsync("backup", "--type", "incremental");
        await place.RunAsync("backup");

        var text = (await place.RunAsync("list")).Output;
        var backups = (await place.RunAsync("list", "--json")).Json.EnumerateArray().ToList();

        Assert.Equal("  made full: " + Path.GetFileName(Text(backups[2], "file")) + " (because there is no good backup to build on)", Assert.Single(text.Split('\n'), line => line.Contains("because", StringComparison.Ordinal)));
        Assert.Equal("there is no good backup to build on", Text(backups[2], "fullBecause"));
        Assert.DoesNotContain(backups.Take(2), backup => backup.TryGetProperty("fullBecause", out _));
    }

    [Fact]
    public async Task The_json_of_the_list_is_newest_first_and_in_utc()
    {
        await place.RunAsync("backup");
        await place.RunAsync("backup");

        var backups = (await place.RunAsync("list", "--json")).Json.EnumerateArray().ToList();

        Assert.Equal(2, backups.Count);
        Assert.Equal(
            ["id", "source", "schedule", "type", "base", "capturedAt", "file", "sizeBytes", "contentBytes", "sha256", "state", "verifiedAt", "proof"],
            backups[0].EnumerateObject().Select(property => property.Name));
        Assert.Equal(backups.OrderByDescending(backup => Text(backup, "capturedAt"), StringComparer.Ordinal), backups);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", Text(backups[0], "capturedAt"));
        Assert.Equal(JsonValueKind.Null, backups[0].GetProperty("base").ValueKind);
        Assert.All(backups, backup => Assert.True(Path.IsPathRooted(Text(backup, "file"))));
        Assert.All(backups, backup => Assert.Equal("good", Text(backup, "state")));
    }

    [Theory]
    [InlineData("総務 部", "総務 部の.db")]
    [InlineData("it's", "it's \"the\" one.db")]
    public async Task Names_may_hold_spaces_quotes_and_japanese(string source, string file)
    {
        place.MakeDatabase(file);
        place.Configure(source, file);

        Assert.Equal(0, (await place.RunAsync("backup", source)).Code);
        Assert.Equal(0, (await place.RunAsync("verify", source)).Code);
        Assert.Equal(source, Text((await place.RunAsync("list", source, "--json")).Json[0], "source"));
        Assert.Contains(source, (await place.RunAsync("status")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_backup_made_by_hand_is_listed_as_manual_and_good_once_verified(bool withChecksum)
    {
        var artifact = await CompressAsync("manual_20260214_120000.db.gz");
        if (withChecksum)
            await File.WriteAllTextAsync(artifact + ".sha256", $"{Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(artifact)))}  {artifact}\n");

        var before = (await place.RunAsync("list", "--json")).Json[0];
        Assert.Equal(("manual", "unverified", "2026-02-14T03:00:00Z"), (Text(before, "schedule"), Text(before, "state"), Text(before, "capturedAt")));
        Assert.Equal(JsonValueKind.Null, before.GetProperty("sha256").ValueKind);

        Assert.Equal(0, (await place.RunAsync("verify", Text(before, "id")!)).Code);
        Assert.Equal("good", Text((await place.RunAsync("list", "--json")).Json[0], "state"));
    }

    [Fact]
    public async Task An_empty_file_made_by_hand_is_corrupt()
    {
        await File.WriteAllBytesAsync(Path.Combine(place.Store, "manual_20260214_120000.db.gz"), []);

        Assert.Equal("corrupt", Text((await place.RunAsync("list", "--json")).Json[0], "state"));
        Assert.Equal(4, (await place.RunAsync("verify")).Code);
    }

    [Fact]
    public async Task The_list_names_what_a_crash_left()
    {
        await File.WriteAllTextAsync(Path.Combine(place.Store, ".daily_20260214_020000.db.gz.1234abcd.partial"), "half");

        Assert.Contains("unfinished temporary file", (await place.RunAsync("list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_can_be_verified_by_its_file_name()
    {
        await place.RunAsync("backup");

        var result = await place.RunAsync("verify", place.Artifact());

        Assert.Equal(0, result.Code);
        Assert.Contains("PRAGMA integrity_check", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dry_run_removes_nothing_and_gives_reasons()
    {
        await place.RunAsync("backup");
        await place.RunAsync("backup");

        var decisions = (await place.RunAsync("prune", "--dry-run", "--json")).Json.EnumerateArray().ToList();

        Assert.Equal(2, decisions.Count);
        Assert.All(decisions, decision => Assert.NotEqual(0, decision.GetProperty("reasons").GetArrayLength()));
        Assert.All(decisions, decision => Assert.False(decision.GetProperty("removed").GetBoolean()));
        Assert.Equal(2, Directory.GetFiles(place.Store, "*.db.gz").Length);
    }

    [Fact]
    public async Task Status_works_before_anything_ever_ran_and_during_a_run()
    {
        var fresh = await place.RunAsync("status", "--json");
        Assert.Equal(0, fresh.Code);
        Assert.False(fresh.Json.GetProperty("agent").GetProperty("running").GetBoolean());
        Assert.Equal("L1", Text(fresh.Json, "level")); // there is no good backup yet

        using var held = RunLock.TryAcquire(place.In("state"), "itsm");
        Assert.Equal(0, (await place.RunAsync("status")).Code);
    }

    [Fact]
    public async Task An_agent_runs_while_it_holds_its_lock_and_not_a_moment_longer()
    {
        using (RunLock.TryAcquire(place.In("state"), RunLock.Agent))
            Assert.True((await place.RunAsync("status", "--json")).Json.GetProperty("agent").GetProperty("running").GetBoolean());
        Assert.False((await place.RunAsync("status", "--json")).Json.GetProperty("agent").GetProperty("running").GetBoolean());
    }

    [Fact]
    public async Task Status_tells_the_level_and_the_cause_of_a_failed_run()
    {
        File.Delete(place.In("itsm.db"));
        await place.RunAsync("backup");
        Assert.Equal("L1", Text((await place.RunAsync("status", "--json")).Json, "level"));

        await place.RunAsync("backup");
        var source = (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];
        Assert.Equal("L2", Text(source, "level"));
        Assert.Equal("sourceMissing", Text(source.GetProperty("lastFailure"), "failure"));
    }

    [Fact]
    public async Task Status_tells_of_an_agent_that_stopped_and_of_a_schedule_that_did_not_start()
    {
        await place.RunAsync("backup");
        var now = Workplace.Now;
        InJournal(journal =>
        {
            journal.Beat(now.AddHours(-1));
            journal.AddSource("itsm", now.AddDays(-3));
        });

        var status = (await place.RunAsync("status", "--json")).Json;

        Assert.Equal(("L2", "L2"), (Text(status, "level"), Text(status.GetProperty("agent"), "level")));
        Assert.Equal("L1: schedule daily did not start when it was due", Assert.Single(status.GetProperty("sources")[0].GetProperty("reasons").EnumerateArray()).GetString());
    }

    [SkippableFact]
    public async Task Status_tells_a_store_that_became_read_only_and_still_its_room()
    {
        await using var disk = await SmallFileSystem.MountAsync("size=4m,mode=0777");
        place.Configure("itsm", "itsm.db", disk.Path);
        await place.RunAsync("backup");
        await disk.RemountAsync("ro");

        var store = (await place.RunAsync("status", "--json")).Json.GetProperty("stores")[0];

        Assert.Equal("L2", Text(store, "level"));
        Assert.Contains("cannot write in store 'local'", Text(store, "error"), StringComparison.Ordinal);
        Assert.Equal(4 << 20, store.GetProperty("sizeBytes").GetInt64());
        Assert.Contains("the file system is read-only", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_tells_of_a_restore_whose_process_died_and_not_of_one_that_is_at_work()
    {
        await place.RunAsync("backup");
        using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
        var history = new RestoreHistory(journal, place.In("state"), place.Clock, NullLogger<RestoreHistory>.Instance);

        using (await history.BeginAsync(Operation.Begun("itsm", OperationKind.Restore, place.Clock.GetUtcNow(), "restore of a.db.gz") with { IsOverLive = true }, CancellationToken.None))
            Assert.Equal(JsonValueKind.Null, (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0].GetProperty("restoreInterruptedAt").ValueKind);
        Assert.Contains("a restore was interrupted", (await place.RunAsync("status")).Output, StringComparison.Ordinal);
        Assert.Equal("L2", Text((await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0], "level"));
    }

    [Fact]
    public async Task Status_calls_no_restore_failed_that_succeeded_when_the_journal_could_not_be_written()
    {
        await place.RunAsync("backup");
        await SqliteSamples.SqlAsync(Path.Combine(place.In("state"), "journal.db"), "CREATE TRIGGER no_end BEFORE UPDATE ON operations BEGIN SELECT RAISE(ABORT, 'no end'); END");

        var restore = await place.RunAsync("restore", "itsm", "--force");

        Assert.Contains("is not recorded; the database IS restored:", restore.Error, StringComparison.Ordinal);
        var source = (await place.RunAsync("status", "--json")).Json.GetProperty("sources")[0];
        Assert.Equal((JsonValueKind.Null, 1), (source.GetProperty("restoreInterruptedAt").ValueKind, source.GetProperty("reasons").GetArrayLength())); // that no agent has run
    }

    [Fact]
    public async Task What_prune_removed_by_hand_is_in_the_journal_and_finding_nothing_is_not()
    {
        await File.WriteAllTextAsync(place.Configuration, (await File.ReadAllTextAsync(place.Configuration)).Replace("7d", "1d", StringComparison.Ordinal)); // holds one
        await place.RunAsync("backup");
        Assert.Equal(0, (await place.RunAsync("prune")).Code);
        InJournal(journal => Assert.Null(journal.Last("itsm", OperationKind.Prune)));

        await place.RunAsync("backup");
        await place.RunAsync("backup");
        var artifacts = Directory.GetFiles(place.Store, "*.db.gz");
        await MakeDailyAsync(artifacts[0], daysAgo: 8);
        await MakeDailyAsync(artifacts[1], daysAgo: 1);

        var pruned = await place.RunAsync("prune");
        Assert.True(pruned.Output.Contains("1 removed", StringComparison.Ordinal), pruned.Output);

        Operation? prune = null;
        InJournal(journal => prune = journal.Last("itsm", OperationKind.Prune));
        Assert.True(prune is { Succeeded: true }, $"{prune}");
        Assert.StartsWith("removed 1 expired: daily_", prune!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_tells_of_a_store_that_is_not_mounted()
    {
        Directory.Delete(place.Store);

        var result = await place.RunAsync("status");

        Assert.Equal(0, result.Code);
        Assert.Contains("mkdir -p", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_config_tells_every_problem_at_once()
    {
        Directory.Delete(place.Store);
        File.Delete(place.In("itsm.db"));

        var result = await place.RunAsync("check-config", "--json");

        Assert.Equal(2, result.Code);
        Assert.Equal(2, result.Json.GetProperty("errors").GetInt32());
        Assert.Equal(["stores.local.path", "sources.itsm.sqlite"], result.Json.GetProperty("problems").EnumerateArray().Select(problem => Text(problem, "key")));
    }

    [Fact]
    public async Task Check_config_is_content_with_a_good_configuration()
    {
        var result = await place.RunAsync("check-config");

        Assert.Equal(0, result.Code);
        Assert.Contains("usable, 1 warning", result.Output, StringComparison.Ordinal);
        Assert.Contains("on the same disk as its store local", result.Output, StringComparison.Ordinal);
        Assert.Contains($"compression by {GzipEngine.Fastest.Name}", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Source_names_are_completed_from_the_configuration()
    {
        var result = await place.RunAsync("[suggest:22]", "nexus-backup backup it");

        Assert.Equal("itsm", result.Output.Trim());
    }

    [Fact]
    public async Task Ids_are_completed_from_the_store_and_nothing_is_made()
    {
        await place.RunAsync("backup");
        await place.RunAsync("backup");
        var ids = (await place.RunAsync("list", "--json")).Json.EnumerateArray().Select(backup => Text(backup, "id"));
        Directory.Delete(place.In("state"), recursive: true);

        const string Line = "nexus-backup restore itsm --id ";
        var result = await place.RunAsync($"[suggest:{Line.Length}]", Line);

        Assert.Equal(ids.Order(StringComparer.Ordinal), result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.False(Directory.Exists(place.In("state")));
    }

    [Theory]
    [InlineData("--config ", "nexus-backup.yml")]
    [InlineData("--config=nex", "nexus-backup.yml")]
    [InlineData("restore itsm --to it", "itsm.db")]
    public async Task Files_are_completed_by_the_shell_itself(string words, string file)
    {
        var said = await Shell.BashAsync($$"""
            set +eu; cd '{{place.Path}}'; nexus-backup() { echo program; }
            source '{{Configuration.RepositoryFile.Find("deploy/completion/nexus-backup.bash")}}'
            COMP_LINE='nexus-backup {{words}}'; COMP_POINT=${#COMP_LINE}
            read -ra COMP_WORDS <<<"${COMP_LINE//=/ = }"; [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _nexus_backup; printf '%s\n' "${COMPREPLY[@]}"
            """);

        Assert.Contains(file, said.Split('\n'));
        Assert.DoesNotContain("program", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("backup")]
    [InlineData("list")]
    [InlineData("verify")]
    [InlineData("prune")]
    [InlineData("status")]
    [InlineData("diagnose")]
    [InlineData("checklist")]
    [InlineData("report")]
    [InlineData("check-config")]
    [InlineData("demo")]
    public async Task The_help_of_each_command_has_examples(string command)
    {
        var help = await place.RunAsync(command, "--help");

        Assert.Equal(0, help.Code);
        Assert.Contains($"Examples:\n  nexus-backup {command}", help.Output, StringComparison.Ordinal);
        Assert.Contains(command, (await place.RunAsync("--help")).Output, StringComparison.Ordinal);
    }

    /// <summary>Makes of a backup by hand one that the schedule would have made.</summary>
    private static async Task MakeDailyAsync(string artifact, int daysAgo)
    {
        var at = Workplace.Now.AddDays(-daysAgo);
        var daily = $"daily_{TimeZoneInfo.ConvertTime(at, Some.Tokyo):yyyyMMdd_HHmmss}.db.gz";
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(artifact)!, Path.GetFileName(artifact) + "*"))
        {
            var moved = file.Replace(Path.GetFileName(artifact), daily, StringComparison.Ordinal);
            File.Move(file, moved);
            if (file.EndsWith(".sha256", StringComparison.Ordinal))
                await File.WriteAllTextAsync(moved, (await File.ReadAllTextAsync(moved)).Replace(Path.GetFileName(artifact), daily, StringComparison.Ordinal));
            if (file.EndsWith(".json", StringComparison.Ordinal))
                await Sidecar.EditAsync(moved, text => Dated(text.Replace(Path.GetFileName(artifact), daily, StringComparison.Ordinal).Replace("\"manual\"", "\"daily\"", StringComparison.Ordinal), at));
        }
    }

    private static string Dated(string text, DateTimeOffset at)
    {
        text = System.Text.RegularExpressions.Regex.Replace(text, @"(?<=""capturedAt"": "")[^""]+", at.ToString("O", System.Globalization.CultureInfo.InvariantCulture));
        return System.Text.RegularExpressions.Regex.Replace(text, @"(?<=""id"": "")[^-""]+", at.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", System.Globalization.CultureInfo.InvariantCulture));
    }

    private void InJournal(Action<OperationJournal> act)
    {
        using var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _));
        act(journal);
    }

    private async Task<string> CompressAsync(string name)
    {
        var artifact = Path.Combine(place.Store, name);
        await using var file = File.Create(artifact);
        await using var gzip = new GZipStream(file, CompressionLevel.Fastest);
        await using var database = File.OpenRead(place.In("itsm.db"));
        await database.CopyToAsync(gzip);
        return artifact;
    }
}
