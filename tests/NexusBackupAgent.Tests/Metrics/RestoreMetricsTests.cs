using NexusBackupAgent.Metrics;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;
using NexusBackupAgent.Tests.Restore;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Metrics;

public sealed class RestoreMetricsTests
{
    [SkippableFact]
    public async Task A_restore_over_the_live_database_tells_when_it_ended_and_how_and_one_elsewhere_is_only_counted()
    {
        var clock = new ManualClock(Some.Instant);
        var (bench, _) = await RestoreBench.WithBackupAsync(clock: clock);
        using (bench)
        {
            await AssertAsync(bench, 0, 0, 0, null);

            await bench.RestoreAsync(to: Path.Combine(bench.Directory, "elsewhere.db"));
            await AssertAsync(bench, 1, 0, 0, null);

            clock.Advance(TimeSpan.FromHours(1));
            await bench.RestoreAsync();
            await AssertAsync(bench, 2, 0, Some.Instant.AddHours(1).ToUnixTimeSeconds(), 1);

            clock.Advance(TimeSpan.FromHours(1));
            bench.Settings = bench.Settings with { Before = [["false"]] };
            await bench.FailureAsync();
            await AssertAsync(bench, 2, 1, Some.Instant.AddHours(2).ToUnixTimeSeconds(), 0);
        }
    }

    /// <param name="expected">Succeeded, failed, end and success (null: not told) of the last over the live database.</param>
    private static async Task AssertAsync(RestoreBench bench, params double?[] expected)
    {
        var scheduled = new ScheduledSource(bench.Bench.Source, [], TimeSpan.FromHours(24), TimeSpan.FromHours(48));
        var records = SomeState.Records(bench.Bench.Journal, bench.Bench.History);
        var exposition = new Exposition();
        RestoreMetrics.Add(exposition, [SomeState.Of(scheduled, await bench.Bench.BackupsAsync(), bench.Clock.GetUtcNow()) with { Records = records.Of(scheduled.Name, () => new SourceHistory()) }]);
        var series = await Scrape.SeriesAsync(exposition);

        string[] names =
        [
            .. from result in (string[])["success", "failure"] select $"nexus_backup_restores_total{{source=\"{scheduled.Name}\",result=\"{result}\"}}",
            .. from figure in (string[])["timestamp_seconds", "success"] select $"nexus_backup_last_restore_{figure}{{source=\"{scheduled.Name}\"}}",
        ];
        Assert.Equal(expected, names.Select(name => series.TryGetValue(name, out var value) ? value : (double?)null));
        Assert.Empty(series.Keys.Except(names));
    }
}
