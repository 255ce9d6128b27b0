using NexusBackupAgent.Common;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

public sealed class JobSchedulerTests : IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task A_source_without_any_good_backup_is_backed_up_at_the_start_and_then_when_due()
    {
        await using var agent = Agent();
        agent.Start();
        await agent.RunsAsync("itsm", "daily", 1);

        await agent.AdvanceAsync(Hour - Minute);
        Assert.Equal(1, agent.Runs("itsm", "daily"));
        await agent.AdvanceAsync(2 * Minute);
        await agent.RunsAsync("itsm", "daily", 2);
        Assert.Equal(0, agent.Runs("itsm", "weekly"));
        Assert.Equal(new DateTimeOffset(2026, 2, 15, 2, 0, 0, TimeSpan.Zero), agent.Scheduler.NextRuns[("itsm", "daily")]);
    }

    /// <summary>A thread that waits for the test stands for one in the kernel.</summary>
    [Fact]
    public async Task A_look_for_sources_that_never_ends_keeps_no_schedule_waiting()
    {
        using var answers = new ManualResetEventSlim();
        await using var agent = await StartedAsync();
        var find = agent.Discover;
        agent.Discover = current =>
        {
            answers.Wait(CancellationToken.None);
            return find(current);
        };

        agent.Clock.Advance(Minute); // the next look
        await Eventually.TrueAsync(() => !agent.Clock.IsAwaited(TimeSpan.FromSeconds(15)) && agent.Clock.IsAwaited(TimeSpan.FromSeconds(20)), "the scheduler waits for the look");
        agent.Clock.Advance(TimeSpan.FromSeconds(20));
        await agent.AdvanceAsync(Hour);

        await agent.RunsAsync("itsm", "daily", 2);
        Assert.InRange(agent.Scheduler.LastBeat, agent.Clock.GetUtcNow() - Minute, agent.Clock.GetUtcNow());
        answers.Set();
    }

    [Fact]
    public async Task An_agent_that_starts_after_all_backups_were_lost_makes_one_at_once()
    {
        await using (var before = await StartedAsync())
            Empty(before);

        await using var agent = Agent();
        agent.Start();

        await agent.RunsAsync("itsm", "daily", 2);
    }

    [Fact]
    public async Task Backups_that_are_lost_under_a_working_agent_are_made_up_for_once_an_hour_at_most()
    {
        await using var agent = await StartedAsync();
        await agent.AdvanceAsync(Hour + (2 * Minute)); // the one of 02:00
        await agent.RunsAsync("itsm", "daily", 2);
        Empty(agent);
        await agent.AdvanceAsync(56 * Minute);
        Assert.Equal(2, agent.Runs("itsm", "daily"));

        await agent.AdvanceAsync(5 * Minute);
        await agent.RunsAsync("itsm", "daily", 3);
        Assert.Contains(agent.Log, line => line.StartsWith("backups_lost: ", StringComparison.Ordinal));
        Empty(agent);
        await agent.AdvanceAsync(5 * Minute);
        Assert.Equal(3, agent.Runs("itsm", "daily"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Below_a_disk_that_may_not_be_mounted_no_backup_hides_the_loss(bool isRestarted)
    {
        await using var first = await StartedAsync();
        await first.AdvanceAsync(Hour + (2 * Minute)); // the one of 02:00
        await first.RunsAsync("itsm", "daily", 2);
        Directory.Delete(first.StorePath("itsm"), recursive: true);
        if (!isRestarted)
        {
            await first.AdvanceAsync(Hour + (2 * Minute));
            Assert.Equal(2, first.Runs("itsm", "daily"));
            return;
        }

        await first.StopAsync();
        await using var agent = Agent();
        agent.Start();
        await agent.AdvanceAsync(2 * Minute);
        Assert.Equal(2, agent.Runs("itsm", "daily"));
    }

    [Fact]
    public async Task The_next_run_is_logged_at_the_start_and_after_each_run()
    {
        await using var agent = Agent();
        agent.Start();
        await agent.RunsAsync("itsm", "daily", 1);
        const string Next = "next_run: backup schedule itsm/daily: next run 2026-02-14 02:00:00 +00:00 (cron 0 2 * * *)";
        await Eventually.TrueAsync(() => agent.Log.Count(line => line == Next) >= 2, "the next run was logged twice");
    }

    [Fact]
    public async Task What_was_missed_while_the_agent_was_down_is_caught_up_once()
    {
        await using (var before = Agent())
        {
            before.Start();
            await before.RunsAsync("itsm", "daily", 1);
        }

        clock.Advance(TimeSpan.FromDays(3));
        await using var agent = Agent();
        agent.Start();
        await agent.RunsAsync("itsm", "daily", 2);
        await agent.RunsAsync("itsm", "weekly", 1); // Sunday the 15th passed as well
        await agent.AdvanceAsync(2 * Minute);
        Assert.Equal((2, 1), (agent.Runs("itsm", "daily"), agent.Runs("itsm", "weekly")));
        Assert.Contains(agent.Log, line => line.StartsWith("catching_up: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_caught_up_that_was_not_missed()
    {
        await using (var before = Agent())
        {
            before.Start();
            await before.RunsAsync("itsm", "daily", 1);
        }

        await using var agent = Agent();
        agent.Start();
        await agent.AdvanceAsync(2 * Minute);
        Assert.Equal((1, 0), (agent.Runs("itsm", "daily"), agent.Runs("itsm", "weekly")));
    }

    [Fact]
    public async Task An_occurrence_that_meets_its_own_run_is_skipped_and_recorded()
    {
        var go = new TaskCompletionSource();
        var slow = new ScriptedSource(clock, _ => go.Task);
        await using var agent = Agent();
        var source = agent.Source("itsm", slow, ("often", "*/5 * * * *"));
        agent.Discover = _ => [source];
        agent.Start();
        await Eventually.TrueAsync(() => slow.Opened == 1, "the first run is under way");

        await agent.AdvanceAsync(11 * Minute);
        await agent.RunsAsync("itsm", "often", 2, "skipped");
        Assert.Equal(1, slow.Opened);
        go.SetResult();
        await agent.RunsAsync("itsm", "often", 1);
    }

    [Fact]
    public async Task A_clock_set_forward_runs_each_schedule_once()
    {
        await using var agent = await StartedAsync();
        clock.SetWallClock(clock.GetUtcNow().AddDays(10));
        await agent.AdvanceAsync(Minute);
        await agent.RunsAsync("itsm", "daily", 2);
        await agent.RunsAsync("itsm", "weekly", 1);
        await agent.AdvanceAsync(2 * Minute);
        Assert.Equal((2, 1), (agent.Runs("itsm", "daily"), agent.Runs("itsm", "weekly")));
    }

    [Fact]
    public async Task A_clock_set_back_computes_the_schedules_anew()
    {
        await using var agent = await StartedAsync();
        clock.SetWallClock(clock.GetUtcNow().AddDays(-2));
        await agent.AdvanceAsync(Minute);
        Assert.Contains(agent.Log, line => line.StartsWith("clock_moved_back: ", StringComparison.Ordinal));
        Assert.Equal(new DateTimeOffset(2026, 2, 12, 2, 0, 0, TimeSpan.Zero), agent.Scheduler.NextRuns[("itsm", "daily")]);
        await agent.AdvanceAsync(Hour);
        await agent.RunsAsync("itsm", "daily", 2);
    }

    [Fact]
    public async Task Sources_that_appear_are_protected_within_a_minute_and_ones_that_vanish_are_forgotten()
    {
        await using var agent = await StartedAsync();
        var tenant = agent.Source("tenant", source: null, ("daily", "0 2 * * *"));
        agent.Discover = current => [.. current.Where(source => source.Name != "tenant"), tenant];
        await agent.AdvanceAsync(Minute + TimeSpan.FromSeconds(15));
        await agent.RunsAsync("tenant", "daily", 1);

        agent.Discover = current => [.. current.Where(source => source.Name != "tenant")];
        await agent.AdvanceAsync(Minute + TimeSpan.FromSeconds(15));
        Assert.DoesNotContain(agent.Scheduler.NextRuns.Keys, key => key.Source == "tenant");
        await agent.AdvanceAsync(Hour);
        await agent.RunsAsync("itsm", "daily", 2);
        Assert.Equal(1, agent.Runs("tenant", "daily"));
    }

    [Fact]
    public async Task A_source_whose_store_cannot_be_listed_is_known_since_it_was_found()
    {
        await using var agent = await StartedAsync();
        var broken = agent.Source("broken", source: null, ("daily", "0 2 * * *"));
        Directory.Delete(agent.StorePath("broken"));
        await File.WriteAllTextAsync(Path.Combine(temp.Path, "store", "broken"), "a file where its directory should be");
        agent.Discover = current => [.. current.Where(source => source.Name != "broken"), broken];
        await agent.AdvanceAsync(Minute + TimeSpan.FromSeconds(15));
        Assert.InRange(agent.Journal.Read().Sources["broken"].AddedAt, clock.GetUtcNow() - 2 * Minute, clock.GetUtcNow());
    }

    [Fact]
    public async Task A_directory_of_sources_that_cannot_be_listed_stops_nothing_else()
    {
        await using var agent = await StartedAsync();
        agent.Discover = _ => throw new UnauthorizedAccessException("Access to the path '/data/tenants' is denied.");
        await agent.AdvanceAsync(Hour + Minute);
        await agent.RunsAsync("itsm", "daily", 2);
        Assert.Contains(agent.Log, line => line.StartsWith("work_failed: ", StringComparison.Ordinal) && line.Contains("/data/tenants", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stopping_stops_the_run_and_starts_no_other()
    {
        var slow = new ScriptedSource(clock, token => Task.Delay(Timeout.InfiniteTimeSpan, clock, token));
        await using var agent = Agent();
        var source = agent.Source("itsm", slow, ("one", "0 1 * * *"), ("two", "30 1 * * *"), ("three", "30 1 * * *"));
        agent.Discover = _ => [source];
        agent.Start();
        await Eventually.TrueAsync(() => slow.Opened == 1, "the first run is under way");
        await agent.AdvanceAsync(31 * Minute); // two more wait in line

        await agent.StopAsync();

        Assert.Equal(1, slow.Opened);
        Assert.Equal(FailureKind.Interrupted, agent.Journal.LastFailure("itsm")!.Kind);
        Assert.Equal(0, agent.Journal.Read().Sources["itsm"].ConsecutiveFailures); // stopped on purpose: two restarts are no two failures in a row
        Assert.Empty(TempDirectory.FilesIn(agent.StorePath("itsm")));
        Assert.Contains(agent.Log, line => line.StartsWith("scheduler_stopping: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_hand_made_file_is_adopted_when_it_has_settled()
    {
        await using var agent = await StartedAsync();
        var file = Path.Combine(agent.StorePath("itsm"), "manual_20260213_120000.db.gz");
        await File.WriteAllBytesAsync(file, await Some.ArtifactAsync(Some.Noise(2000)));
        File.SetLastWriteTimeUtc(file, clock.GetUtcNow().UtcDateTime);

        await agent.AdvanceAsync(30 * TimeSpan.FromSeconds(1));
        Assert.False(File.Exists(file + ".manifest.json"));
        await agent.AdvanceAsync(2 * Minute);
        await Eventually.TrueAsync(() => File.Exists(file + ".verification.json"), "it was adopted");
        Assert.True(File.Exists(file + ".manifest.json"));
        Assert.True(File.Exists(file + ".sha256"));
    }

    [Fact]
    public async Task The_heartbeat_goes_on_while_runs_fail()
    {
        await using var agent = Agent();
        var source = agent.Source("itsm", new ScriptedSource(clock, ScriptedSource.Fails(FailureKind.SourceMissing)), ("daily", "0 2 * * *"));
        agent.Discover = _ => [source];
        agent.Start();
        await agent.RunsAsync("itsm", "daily", 1, "failure");
        await agent.AdvanceAsync(10 * Minute);
        Assert.InRange(agent.Scheduler.LastBeat, clock.GetUtcNow() - TimeSpan.FromSeconds(30), clock.GetUtcNow());
        Assert.Null(agent.Scheduler.JournalFailure);
    }

    private static void Empty(ManualAgent agent)
    {
        foreach (var file in Directory.GetFiles(agent.StorePath("itsm")))
            File.Delete(file);
    }

    private ManualAgent Agent()
    {
        var agent = new ManualAgent(clock, temp.Path);
        var itsm = agent.Source("itsm", source: null, ("daily", "0 2 * * *"), ("weekly", "0 3 * * 0"));
        agent.Discover = _ => [itsm];
        return agent;
    }

    private async Task<ManualAgent> StartedAsync()
    {
        var agent = Agent();
        agent.Start();
        await agent.RunsAsync("itsm", "daily", 1);
        return agent;
    }
}
