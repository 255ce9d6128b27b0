using Microsoft.Extensions.Logging.Abstractions;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>The verification rounds of a running agent, and what holds for every chore.</summary>
public sealed class ChoreTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 1, 1, 0, 0, TimeSpan.Zero));

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task Over_a_month_every_backup_is_read_within_the_spread_and_each_round_is_in_the_journal()
    {
        await using var agent = await StartedAsync();
        for (var day = 1; day <= 28; day++)
        {
            await DayAsync(agent, runs: day + 1, rounds: day);
            var now = clock.GetUtcNow();
            Assert.All(await agent.BackupsAsync("itsm"), backup => Assert.InRange(now - backup.Verification!.VerifiedAt, TimeSpan.Zero, TimeSpan.FromDays(3) + (12 * Hour)));
        }

        var rounds = agent.Journal.Since("itsm", default).Where(operation => operation.Kind == OperationKind.VerificationRound).ToList();
        Assert.Equal(28, rounds.Count);
        Assert.All(rounds, round => Assert.True(round.Succeeded, round.Failure?.Message));
        Assert.Matches("^[0-9]+ of [0-9]+ backups read back, none corrupt$", rounds[^1].Detail);
        Assert.Equal(agent.Journal.Counts(OperationKind.Verification)[("itsm", "success")], rounds.Sum(round => int.Parse(round.Detail.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task A_round_finds_a_flipped_bit_and_the_backup_is_set_aside_and_replaced_once()
    {
        await using var agent = await StartedAsync();
        Damage.FlipBit(Assert.Single(Directory.GetFiles(agent.StorePath("itsm"), "*.db.gz")));

        await agent.AdvanceAsync(Hour);
        await agent.RunsAsync("itsm", "daily", 2);
        await agent.AdvanceAsync(2.5 * Hour); // reads the newest and the one read longest ago
        await RoundsAsync(agent, 1);
        await agent.AdvanceAsync(2 * Minute);
        await agent.RunsAsync("itsm", "daily", 3);
        await agent.AdvanceAsync(10 * Minute);

        Assert.Equal([BackupState.Good, BackupState.Good, BackupState.Quarantined], (await agent.BackupsAsync("itsm")).Select(backup => backup.State));
        var round = agent.Journal.Last("itsm", OperationKind.VerificationRound)!;
        Assert.Equal(FailureKind.Verification, round.Failure!.Kind);
        Assert.Contains("1 corrupt (daily_20260201_010000.db.gz.bad)", round.Detail, StringComparison.Ordinal);
        await agent.SkipAsync((20 * Hour) + (18 * Minute));
        await DayAsync(agent, runs: 4, rounds: 2);
    }

    [Fact]
    public async Task The_next_time_is_logged()
    {
        await using var agent = await StartedAsync();
        Assert.Contains("next_chore: backup verification of itsm: next 2026-02-01 04:30:00 +00:00 (cron 30 4 * * *)", agent.Log);
    }

    [Fact]
    public async Task A_round_that_was_missed_while_no_agent_ran_is_caught_up_once()
    {
        await using (var before = await StartedAsync())
        {
            await before.AdvanceAsync(4 * Hour);
            await RoundsAsync(before, 1);
        }

        clock.Advance(TimeSpan.FromDays(2));
        await using (var agent = Agent())
        {
            agent.Start();
            await RoundsAsync(agent, 2);
            await agent.AdvanceAsync(10 * Minute);
            Assert.Equal(2, Rounds(agent));
        }

        await using var again = Agent();
        again.Start();
        await again.AdvanceAsync(5 * Minute);
        Assert.Equal(2, Rounds(again));
    }

    [Fact]
    public async Task A_source_that_was_just_added_has_missed_nothing()
    {
        await using var agent = await StartedAsync();
        await agent.AdvanceAsync(5 * Minute);
        Assert.Equal(0, Rounds(agent));
    }

    [Fact]
    public async Task A_clock_set_back_computes_the_chores_anew_and_set_forward_does_each_once()
    {
        await using var agent = await StartedAsync();
        clock.SetWallClock(clock.GetUtcNow().AddDays(10));
        await agent.AdvanceAsync(Minute);
        await RoundsAsync(agent, 1);
        clock.SetWallClock(clock.GetUtcNow().AddDays(-10));
        await agent.AdvanceAsync(4 * Hour);
        await RoundsAsync(agent, 2);
    }

    /// <summary>In Berlin 02:30 is skipped on 29 March and happens twice on 25 October.</summary>
    [Theory]
    [InlineData("2026-03-28T12:00:00Z")]
    [InlineData("2026-10-24T12:00:00Z")]
    public async Task A_chore_is_done_once_in_the_night_when_the_clocks_change(string start)
    {
        clock.SetWallClock(DateTimeOffset.Parse(start, System.Globalization.CultureInfo.InvariantCulture));
        await using var agent = Agent(TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"), "30 2 * * *");
        agent.Start();
        for (var hour = 0; hour < 96; hour++)
            await agent.SkipAsync(15 * Minute);
        await RoundsAsync(agent, 1);
        Assert.Equal(1, Rounds(agent));
    }

    [Fact]
    public async Task A_source_that_another_process_works_on_is_waited_for()
    {
        await using var agent = await StartedAsync();
        using (RunLock.TryAcquire(Path.Combine(temp.Path, "state"), "itsm"))
        {
            await agent.AdvanceAsync((3 * Hour) + (31 * Minute));
            Assert.Equal(0, Rounds(agent));
        }

        await Eventually.TrueAsync(
            async () =>
            {
                await agent.AdvanceAsync(TimeSpan.FromSeconds(15));
                return Rounds(agent) == 1;
            },
            "the round was done");
        Assert.Null(agent.Journal.Last("itsm", OperationKind.VerificationRound)!.Failure);
    }

    [Fact]
    public async Task A_backup_that_cannot_be_read_keeps_no_other_waiting()
    {
        var source = new ScriptedSource(clock);
        await using var agent = await StartedAsync(source);
        await agent.AdvanceAsync(Hour + Minute);
        await agent.RunsAsync("itsm", "daily", 2);
        source.Checking = ScriptedSource.Fails(FailureKind.Io);

        await agent.AdvanceAsync((2 * Hour) + (31 * Minute));
        await RoundsAsync(agent, 1);

        var round = agent.Journal.Last("itsm", OperationKind.VerificationRound)!;
        Assert.Equal(("0 of 2 backups read back, none corrupt, 2 could not be read", FailureKind.Io), (round.Detail, round.Failure!.Kind));
        Assert.All(await agent.BackupsAsync("itsm"), backup => Assert.Equal(BackupState.Good, backup.State));
    }

    [Fact]
    public async Task What_nobody_foresaw_in_one_backup_keeps_no_other_waiting_and_the_round_has_failed()
    {
        var source = new ScriptedSource(clock);
        await using var agent = await StartedAsync(source);
        await agent.AdvanceAsync(Hour + Minute);
        await agent.RunsAsync("itsm", "daily", 2);
        source.Checked = 0;
        source.Checking = _ => source.Checked == 1 ? throw new InvalidOperationException("scripted") : Task.CompletedTask;

        await agent.AdvanceAsync((2 * Hour) + (31 * Minute));
        await RoundsAsync(agent, 1);

        var round = agent.Journal.Last("itsm", OperationKind.VerificationRound)!;
        Assert.Equal(("1 of 2 backups read back, none corrupt, 1 could not be read", FailureKind.Unexpected), (round.Detail, round.Failure!.Kind));
        Assert.Equal(1, agent.Journal.Counts(OperationKind.Verification)[("itsm", "failure")]);
    }

    [Fact]
    public async Task A_round_that_broke_altogether_is_no_success()
    {
        using var bench = new Workbench(clock, temp.Path, source: new ScriptedSource(clock));
        using var store = new FaultyStore(bench.Store, failing: 0, FaultTime.Before, staysDead: false) { Opening = _ => new InvalidOperationException("scripted") };
        var source = Verified(bench) with { Source = bench.Source with { Catalog = CatalogUse.CatalogOf(store) } };

        await Assert.ThrowsAsync<InvalidOperationException>(() => RoundsOf(bench).RunAsync(source, CancellationToken.None));

        Assert.Equal(FailureKind.Unexpected, bench.Journal.Last("itsm", OperationKind.VerificationRound)!.Failure!.Kind);
    }

    [Fact]
    public async Task A_round_that_was_stopped_is_not_in_the_journal()
    {
        var source = new ScriptedSource(clock);
        using var bench = new Workbench(clock, temp.Path, source: source);
        await bench.RunAsync();
        using var stop = new CancellationTokenSource();
        source.Checking = async token =>
        {
            await stop.CancelAsync();
            token.ThrowIfCancellationRequested();
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RoundsOf(bench).RunAsync(Verified(bench), stop.Token));

        Assert.Null(bench.Journal.Last("itsm", OperationKind.VerificationRound));
    }

    [Theory]
    [InlineData(FailureKind.Interrupted, 1)]
    [InlineData(FailureKind.Died, 1)]
    [InlineData(FailureKind.Verification, 0)]
    public void A_chore_that_was_stopped_was_not_done(object kind, int missed)
    {
        using var bench = new Workbench(clock, temp.Path, source: new ScriptedSource(clock));
        var now = clock.GetUtcNow().AddHours(9);
        bench.Journal.Record(new Operation(
            0, "itsm", OperationKind.VerificationRound, now.AddHours(-1), now.AddHours(-1), Backup: null, "scripted", new RunFailure((FailureKind)kind, "scripted", "do nothing")));
        var rota = new ChoreRota(Chore.All(RoundsOf(bench), bench.Drills), bench.Journal, TimeZoneInfo.Utc, NullLogger<ChoreRota>.Instance);

        Assert.Equal(missed, rota.Missed(Verified(bench), now.AddDays(-2), now).Count);
    }

    [Fact]
    public async Task A_drill_is_made_by_the_calendar_and_caught_up_on_once()
    {
        ManualAgent Drilling()
        {
            var agent = new ManualAgent(clock, temp.Path);
            var itsm = agent.Source("itsm", source: null, ("daily", "0 2 * * *")) with { Drill = CronSchedule.Parse("0 5 2 * *") };
            agent.Discover = _ => [itsm];
            return agent;
        }

        await using (var agent = Drilling())
        {
            agent.Start();
            await agent.RunsAsync("itsm", "daily", 1);
            await agent.AdvanceAsync(10 * Minute);
            Assert.Null(agent.Journal.Last("itsm", OperationKind.Drill));
        }

        clock.Advance(TimeSpan.FromDays(3)); // over the second of the month, at five
        await using (var agent = Drilling())
        {
            agent.Start();
            await DrillsAsync(agent, 1);
            await agent.AdvanceAsync(10 * Minute);
            await DrillsAsync(agent, 1);
            Assert.Null(agent.Journal.Last("itsm", OperationKind.Drill)!.Failure);
        }

        await using var again = Drilling();
        again.Start();
        await again.AdvanceAsync(5 * Minute);
        await DrillsAsync(again, 1);
    }

    [Fact]
    public async Task What_a_round_finds_corrupt_is_replaced_at_once()
    {
        using var bench = new Workbench(clock, temp.Path, source: new ScriptedSource(clock));
        var lost = (await bench.RunAsync()).Outcome!.Backup;
        Damage.FlipBit(Path.Combine(bench.StorePath, lost.File));
        clock.Advance(Minute);

        await RoundsOf(bench).RunAsync(Verified(bench), CancellationToken.None);

        Assert.Equal([BackupState.Good, BackupState.Quarantined], (await bench.BackupsAsync()).Select(backup => backup.State));
    }

    private static ScheduledSource Verified(Workbench bench) =>
        new(bench.Source, [], Hour, Hour) { Verify = new VerifySchedule(CronSchedule.Parse("30 4 * * *"), TimeSpan.FromDays(3)) };

    private VerificationRounds RoundsOf(Workbench bench) => new(bench.Verifications, bench.Replacements, bench.Journal, TimeZoneInfo.Utc, clock, NullLogger<VerificationRounds>.Instance);

    private static Task DrillsAsync(ManualAgent agent, int count) => Eventually.TrueAsync(
        () => agent.Journal.Counts(OperationKind.Drill).GetValueOrDefault(("itsm", "success")) == count, $"{count} drills; log: {string.Join("; ", agent.Log)}");

    private static int Rounds(ManualAgent agent) => (int)agent.Journal.Counts(OperationKind.VerificationRound).Where(count => count.Key.Source == "itsm").Sum(count => count.Value);

    /// <summary>From 01:00 to the next 01:00, with the run at 02:00 and the round at 04:30.</summary>
    private static async Task DayAsync(ManualAgent agent, int runs, int rounds)
    {
        await agent.SkipAsync(Hour);
        await agent.RunsAsync("itsm", "daily", runs);
        await agent.SkipAsync(2.5 * Hour);
        await RoundsAsync(agent, rounds);
        await agent.SkipAsync(20.5 * Hour);
    }

    private static Task RoundsAsync(ManualAgent agent, int count) => Eventually.TrueAsync(() => Rounds(agent) >= count, $"{count} rounds; log: {string.Join("; ", agent.Log)}");

    private ManualAgent Agent(TimeZoneInfo? zone = null, string verify = "30 4 * * *", ScriptedSource? source = null)
    {
        var agent = new ManualAgent(clock, temp.Path, zone);
        var itsm = agent.Source("itsm", source, ("daily", "0 2 * * *")) with { Verify = new VerifySchedule(CronSchedule.Parse(verify), TimeSpan.FromDays(3)) };
        agent.Discover = _ => [itsm];
        return agent;
    }

    private async Task<ManualAgent> StartedAsync(ScriptedSource? source = null)
    {
        var agent = Agent(source: source);
        agent.Start();
        await agent.RunsAsync("itsm", "daily", 1);
        return agent;
    }
}
