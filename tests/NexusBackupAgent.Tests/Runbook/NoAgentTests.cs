using System.Text.Json;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Cli;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Runbook;

/// <summary>A host whose configuration says <c>agent: none</c>: cron starts <c>backup --schedule</c>, and nothing misses an agent.</summary>
public sealed class NoAgentTests : IDisposable
{
    private readonly Workplace place = Workplace.WithDatabase();

    public NoAgentTests() => File.WriteAllText(place.Configuration, "agent: none\n" + File.ReadAllText(place.Configuration));

    public void Dispose() => place.Dispose();

    [Fact]
    public async Task It_makes_the_backup_of_a_schedule_as_an_agent_would_with_its_retention()
    {
        for (var day = -9; day <= 0; day++)
            await CronAsync(Workplace.Now.AddDays(day));

        var backups = (await place.RunAsync("list", "--json")).Json.EnumerateArray().ToList();
        Assert.InRange(backups.Count, 7, 8);
        var backup = backups[0];
        Assert.Equal(("daily", "full", "daily_20260214_120000.db.gz"), (Word(backup, "schedule"), Word(backup, "type"), Path.GetFileName(Word(backup, "file"))));
    }

    [Fact]
    public async Task Where_cron_does_its_work_everything_is_well_everywhere()
    {
        await CronAsync(Workplace.Now);

        Assert.Equal("OK", await LevelAsync("status"));
        Assert.Equal(("healthy", "OK"), await DiagnosisAsync());
        Assert.Equal(0, (await place.RunAsync("checklist")).Code);
        Assert.Equal(0, (await place.RunAsync("status", "--check")).Code);
        Assert.Contains("agent: none by configuration", (await place.RunAsync("status", "--lang", "en")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schedule_that_cron_leaves_out_is_late_and_the_next_step_is_to_look_at_cron()
    {
        await CronAsync(Workplace.Now.AddHours(-23));
        place.Clock.Set(Workplace.Now); // 02:00 has passed

        Assert.Equal("L1", await LevelAsync("status"));
        var diagnosis = (await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];
        Assert.Equal(("B", "L1"), (Word(diagnosis, "cause"), Word(diagnosis, "level")));
        Assert.StartsWith("systemctl list-timers 'nexus-backup*'", diagnosis.GetProperty("next")[0].GetString(), StringComparison.Ordinal);
        Assert.Contains(diagnosis.GetProperty("next").EnumerateArray(), next => next.GetString()!.Contains("backup itsm --schedule daily", StringComparison.Ordinal));
        Assert.NotEqual(0, (await place.RunAsync("checklist")).Code);
    }

    [Fact]
    public async Task An_agent_that_ran_here_once_is_not_missed()
    {
        using (var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            journal.Beat(Workplace.Now.AddDays(-30));
        await CronAsync(Workplace.Now);

        Assert.Equal("OK", await LevelAsync("status"));
        Assert.Equal(("healthy", "OK"), await DiagnosisAsync());
    }

    [Fact]
    public async Task Without_the_key_an_agent_is_missed()
    {
        File.WriteAllText(place.Configuration, File.ReadAllText(place.Configuration).Replace("agent: none\n", "", StringComparison.Ordinal));
        await CronAsync(Workplace.Now);

        Assert.Equal("L1", await LevelAsync("status"));
    }

    [Fact]
    public async Task The_first_look_notes_the_sources_so_that_they_are_new_for_a_day_and_then_without_a_backup()
    {
        await place.RunAsync("metrics");
        Assert.Equal("NEW", await LevelAsync("status"));

        place.Clock.Set(Workplace.Now.AddHours(25));
        Assert.Equal("L3", await LevelAsync("status"));
    }

    [Fact]
    public async Task A_run_that_died_with_its_process_is_a_failure_at_the_next_look()
    {
        using (var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, Workplace.Now.AddHours(-1)));

        var series = Scrape.Series((await place.RunAsync("metrics")).Output);

        Assert.Equal(1, series["nexus_backup_consecutive_failures{source=\"itsm\"}"]);
        Assert.Equal(0, series["nexus_backup_run_start_timestamp_seconds{source=\"itsm\"}"]);
    }

    [Fact]
    public async Task A_run_that_died_with_its_process_is_not_under_way_for_the_diagnosis_and_a_backup_is_next()
    {
        await place.RunAsync("backup");
        using (var journal = new OperationJournal(JournalDatabase.Open(place.In("state"), Workplace.Now, out _)))
            journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, Workplace.Now));

        var died = await DiagnoseAsync();

        Assert.DoesNotContain("under way", died.ToString(), StringComparison.Ordinal);
        Assert.Contains("ended with its process (killed, or the power was lost)", StepOf(died, "3"), StringComparison.Ordinal);
        Assert.Equal("the last run was cut off → back up again", Word(died, "title"));
        Assert.Contains("nexus-backup backup itsm", died.GetProperty("next").EnumerateArray().Select(next => next.GetString()));

        using (RunLock.TryAcquire(place.In("state"), "itsm"))
            Assert.Contains("a run is under way", StepOf(await DiagnoseAsync(), "3DB"), StringComparison.Ordinal);

        async Task<JsonElement> DiagnoseAsync() => (await place.RunAsync("diagnose", "--json", "--lang", "en")).Json[0];

        static string StepOf(JsonElement found, string number) =>
            found.GetProperty("steps").EnumerateArray().Single(step => step.GetProperty("step").GetString() == number).GetProperty("evidence").GetString()!;
    }

    [Fact]
    public async Task A_backup_that_cron_did_not_make_is_missing_in_the_daily_review()
    {
        await CronAsync(Workplace.Now.AddDays(-3));
        await CronAsync(Workplace.Now);

        Assert.Equal(2, Scrape.Series((await place.RunAsync("metrics")).Output)["nexus_backup_missing_backups{source=\"itsm\",schedule=\"daily\"}"]);
    }

    [Fact]
    public async Task An_agent_does_not_start_beside_cron()
    {
        var refused = await place.RunAsync("run");

        Assert.Equal(2, refused.Code);
        Assert.Contains("agent: none", Assert.Single(refused.Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { "--schedule", "dayly" }, 6, "did you mean 'daily'?")]
    [InlineData(new[] { "itsm", "--schedule", "hourly" }, 6, "source 'itsm' has no schedule 'hourly'")]
    [InlineData(new[] { "--schedule", "daily", "--type", "full" }, 2, "do not go together")]
    public async Task A_schedule_that_there_is_not_makes_no_backup(string[] options, int code, string message)
    {
        var refused = await place.RunAsync(["backup", .. options]);

        Assert.Equal(code, refused.Code);
        Assert.Contains(message, Assert.Single(refused.Errors), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(place.Store, "*.db.gz"));
    }

    [Fact]
    public async Task Another_run_that_is_under_way_is_waited_for()
    {
        using var busy = RunLock.TryAcquire(place.In("state"), "itsm");
        Assert.NotNull(busy);

        var scheduled = place.RunAsync("backup", "--schedule", "daily");
        var byHand = await place.RunAsync("backup");
        busy.Dispose();

        Assert.Equal((7, 0), (byHand.Code, (await scheduled).Code));
    }

    private async Task CronAsync(DateTimeOffset at)
    {
        place.Clock.Set(at);
        var run = await place.RunAsync("backup", "--schedule", "daily");
        Assert.True(run.Code == 0, run.Error);
    }

    private async Task<string?> LevelAsync(string command) => Word((await place.RunAsync(command, "--json")).Json.GetProperty("sources")[0], "level");

    private async Task<(string?, string?)> DiagnosisAsync() => (await place.RunAsync("diagnose", "--json")).Json[0] is var diagnosis ? (Word(diagnosis, "cause"), Word(diagnosis, "level")) : default;

    private static string? Word(JsonElement document, string name) => document.GetProperty(name).GetString();
}
