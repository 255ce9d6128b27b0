using NexusBackupAgent.Metrics;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Metrics;

public sealed class RestoreMetricsTests
{
    [SkippableFact]
    public async Task A_restore_over_the_live_database_tells_when_it_ended_and_how_and_one_elsewhere_tells_nothing()
    {
        var clock = new ManualClock(Some.Instant);
        var (bench, _) = await RestoreBench.WithBackupAsync(clock: clock);
        using (bench)
        {
            await AssertAsync(bench, [0, 0]);

            await bench.RestoreAsync(to: Path.Combine(bench.Directory, "elsewhere.db"));
            await AssertAsync(bench, [0, 0]);

            clock.Advance(TimeSpan.FromHours(1));
            await bench.RestoreAsync();
            await AssertAsync(bench, [Some.Instant.AddHours(1).ToUnixTimeSeconds(), 1]);

            clock.Advance(TimeSpan.FromHours(1));
            bench.Settings = bench.Settings with { Before = [["false"]] };
            await bench.FailureAsync();
            await AssertAsync(bench, [Some.Instant.AddHours(2).ToUnixTimeSeconds(), 0]);
        }
    }

    /// <param name="expected">End and success.</param>
    private static async Task AssertAsync(RestoreBench bench, double[] expected)
    {
        var scheduled = new ScheduledSource(bench.Bench.Source, [], TimeSpan.FromHours(24), TimeSpan.FromHours(48));
        var figures = SourceFigures.Of(scheduled, await bench.Bench.BackupsAsync(), bench.Bench.Journal.Read(), bench.Clock.GetUtcNow());
        var families = RestoreMetrics.Of([figures], bench.Bench.History.Read().LastOverLive).ToList();
        Assert.Equal(["nexus_backup_last_restore_timestamp_seconds", "nexus_backup_last_restore_success"], families.Select(family => family.Name));
        Assert.Equal(expected, families.Select(family => Assert.Single(family.Samples).Value));
    }
}
