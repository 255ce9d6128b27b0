using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Scheduling;

/// <summary>A stored file is damaged; the agent sets it aside, replaces it, and then goes on as before.</summary>
public sealed class ReplacementTests : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly TempDirectory temp = new();
    private readonly ManualClock clock = new(new DateTimeOffset(2026, 2, 14, 1, 0, 0, TimeSpan.Zero));

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task A_flipped_bit_leaves_one_set_aside_and_one_new_good_backup_and_then_only_the_schedules_own()
    {
        await using var agent = await StartedAsync();
        await DamageAsync(agent);

        await agent.AdvanceAsync(2 * Minute);
        await agent.RunsAsync("itsm", "weekly", 2); // on the lost backup's own schedule
        for (var hour = 0; hour < 96; hour++)
            await agent.SkipAsync(TimeSpan.FromHours(1)); // Sunday's run is the third
        await agent.RunsAsync("itsm", "weekly", 3);

        var backups = await agent.BackupsAsync("itsm");
        Assert.Equal([BackupState.Good, BackupState.Good, BackupState.Quarantined], backups.Select(backup => backup.State));
        Assert.Equal(3, agent.Runs("itsm", "weekly"));
    }

    [Fact]
    public async Task A_restart_makes_no_second_replacement()
    {
        await using (var before = await StartedAsync())
        {
            await DamageAsync(before);
            await before.AdvanceAsync(2 * Minute);
            await before.RunsAsync("itsm", "weekly", 2);
        }

        await using var agent = Agent();
        agent.Start();
        await agent.AdvanceAsync(5 * Minute);
        Assert.Equal(2, agent.Runs("itsm", "weekly"));
    }

    [Fact]
    public async Task What_was_set_aside_while_no_agent_ran_is_replaced_at_the_start()
    {
        await using (var before = await StartedAsync())
            Damage.FlipBit(Assert.Single(Directory.GetFiles(before.StorePath("itsm"), "*.db.gz")));
        clock.Advance(Minute);
        using (var bench = new Workbench(clock, temp.Path, source: new ScriptedSource(clock)))
        {
            var source = bench.Source with { Catalog = CatalogUse.CatalogOf(bench.Store) };
            await bench.Verifications.VerifyAsync(source, Assert.Single(await source.Catalog.AllAsync()), TimeSpan.Zero, null, CancellationToken.None);
        }

        await using var agent = Agent();
        agent.Start();
        await agent.RunsAsync("itsm", "weekly", 2);
    }

    [Fact]
    public async Task A_replacement_that_fails_is_not_repeated()
    {
        var source = new ScriptedSource(clock, _ => Task.CompletedTask, ScriptedSource.Fails(FailureKind.SourceMissing));
        await using var agent = await StartedAsync(source);
        await DamageAsync(agent);

        await agent.AdvanceAsync(2 * Minute);
        await agent.RunsAsync("itsm", "weekly", 1, "failure");
        await agent.AdvanceAsync(TimeSpan.FromHours(1));

        Assert.Equal((1, 1, 2), (agent.Runs("itsm", "weekly"), agent.Runs("itsm", "weekly", "failure"), source.Opened));
    }

    [Fact]
    public async Task A_store_that_ruins_whatever_is_written_gets_one_replacement_and_then_only_the_schedules_runs()
    {
        var source = new ScriptedSource(clock);
        await using var agent = await StartedAsync(source);
        source.Finding = "page 7 is mad"; // which has the file read again, and by then it is ruined
        source.Checking = async token =>
        {
            clock.SetWallClock(clock.GetUtcNow().AddSeconds(1)); // reading takes time
            foreach (var file in Directory.GetFiles(agent.StorePath("itsm"), "weekly_*.db.gz"))
                await File.WriteAllTextAsync(file, "ruined", token);
        };
        await agent.SkipAsync(TimeSpan.FromHours(25.9));
        await agent.AdvanceAsync(TimeSpan.FromHours(0.1)); // Sunday the 15th, 03:00
        await agent.RunsAsync("itsm", "weekly", 1, "failure");

        await Eventually.TrueAsync(
            async () =>
            {
                await agent.AdvanceAsync(TimeSpan.FromSeconds(15));
                await agent.Scheduler.WhenIdleAsync(); // on a clock that ran on, a run would come to the end of its time
                return agent.Runs("itsm", "weekly", "failure") == 2;
            },
            "its replacement failed");
        await agent.AdvanceAsync(TimeSpan.FromMinutes(20));
        await agent.Scheduler.WhenIdleAsync();
        Assert.Equal(2, agent.Runs("itsm", "weekly", "failure"));
    }

    [Fact]
    public async Task What_another_process_replaced_while_the_turn_was_waited_for_is_not_replaced_again()
    {
        var source = new ScriptedSource(clock);
        using var bench = new Workbench(clock, temp.Path, source: source);
        var backup = (await bench.RunAsync()).Outcome!.Backup;
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));
        clock.Advance(Minute);
        await bench.Verifications.VerifyAsync(bench.Source, backup, TimeSpan.Zero, null, CancellationToken.None);
        clock.Advance(Minute);
        Task<RunRecord?> waiting;
        using (RunLock.TryAcquire(bench.State, "itsm"))
        {
            Assert.Null(await bench.Replacements.RunIfDueAsync(bench.Source, TimeSpan.Zero, progress: null, CancellationToken.None));
            Assert.StartsWith("another run or operation of it is under way", await bench.Replacements.WhyNotAsync(bench.Source, CancellationToken.None), StringComparison.Ordinal);
            waiting = bench.Replacements.RunIfDueAsync(bench.Source, 10 * Minute, progress: null, CancellationToken.None);
            await Eventually.TrueAsync(() => clock.IsAwaited(RunLock.Poll), "it waits for its turn");
            bench.Journal.Begin(Operation.BegunBackup("itsm", "daily", BackupType.Full, clock.GetUtcNow()));
        }

        clock.Advance(RunLock.Poll);

        Assert.Null(await waiting.WaitAsync(TimeSpan.FromMinutes(3)));
        Assert.Equal("another run for a full backup started after the damage was found", await bench.Replacements.WhyNotAsync(bench.Source, CancellationToken.None));
        Assert.Equal(1, source.Opened);
    }

    private ManualAgent Agent(ScriptedSource? source = null)
    {
        var agent = new ManualAgent(clock, temp.Path);
        var itsm = agent.Source("itsm", source, ("weekly", "0 3 * * 0"));
        agent.Discover = _ => [itsm with { Source = itsm.Source with { Retention = new Dictionary<string, NexusBackupAgent.Retention.RetentionPeriod>(StringComparer.Ordinal) { ["weekly"] = NexusBackupAgent.Retention.RetentionPeriod.Parse("4w") } } }];
        return agent;
    }

    private async Task<ManualAgent> StartedAsync(ScriptedSource? source = null)
    {
        var agent = Agent(source);
        agent.Start();
        await agent.RunsAsync("itsm", "weekly", 1);
        return agent;
    }

    /// <summary>A bit flips, and somebody has the agent's own parts look.</summary>
    private async Task DamageAsync(ManualAgent agent)
    {
        var file = Assert.Single(Directory.GetFiles(agent.StorePath("itsm"), "*.db.gz"));
        Damage.FlipBit(file);
        clock.Advance(TimeSpan.FromMilliseconds(5));
        await agent.VerifyAsync("itsm");
        Assert.True(File.Exists(file + ".bad"));
    }
}
