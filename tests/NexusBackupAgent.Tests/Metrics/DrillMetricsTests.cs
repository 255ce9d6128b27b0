using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Metrics;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;
using NexusBackupAgent.Tests.Support;

namespace NexusBackupAgent.Tests.Metrics;

public sealed class DrillMetricsTests : IDisposable
{
    private readonly ManualClock clock = new(Some.Instant);
    private readonly ScriptedSource source;
    private readonly Workbench bench;

    public DrillMetricsTests()
    {
        source = new ScriptedSource(clock) { Checking = AdvanceAsync };
        bench = new Workbench(clock, source: source);
    }

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task Before_the_first_drill_all_is_0_and_none_has_failed() => await AssertAsync(0, 0, 0, null, 0);

    [Fact]
    public async Task A_drill_is_counted_with_its_end_result_and_measured_time()
    {
        await bench.RunAsync();
        await DrillAsync();

        await AssertAsync(1, 0, clock.GetUtcNow().ToUnixTimeSeconds(), 1, 7);
    }

    [Fact]
    public async Task A_failed_one_too()
    {
        await DrillAsync(); // there is nothing to restore

        await AssertAsync(0, 1, clock.GetUtcNow().ToUnixTimeSeconds(), 0, 0);
    }

    [Fact]
    public async Task A_later_failure_without_a_backup_outweighs_the_file_of_an_earlier_success()
    {
        await bench.RunAsync();
        await DrillAsync();
        clock.Advance(TimeSpan.FromDays(1));
        source.Checking = _ => throw new BackupException(FailureKind.Io, "the disk", "look");
        await DrillAsync();

        await AssertAsync(1, 1, clock.GetUtcNow().ToUnixTimeSeconds(), 0, 7);
    }

    [Fact]
    public async Task A_failed_one_measured_no_recovery_and_the_one_that_passed_before_still_tells_how_long_it_takes()
    {
        await bench.RunAsync();
        await DrillAsync();
        clock.Advance(TimeSpan.FromDays(1));
        var backup = Assert.Single(await bench.BackupsAsync());
        Damage.FlipBit(Path.Combine(bench.StorePath, backup.File));
        await DrillAsync(); // its result takes the place of the other beside the backup

        await AssertAsync(1, 1, clock.GetUtcNow().ToUnixTimeSeconds(), 0, 7);
    }

    [Fact]
    public async Task When_the_journal_was_lost_the_files_beside_the_backups_tell()
    {
        await bench.RunAsync();
        await DrillAsync();
        var at = clock.GetUtcNow().ToUnixTimeSeconds();

        var lost = Records() with { DrillCounts = new Dictionary<(string, string), long>(), LastDrills = new Dictionary<string, Operation>(StringComparer.Ordinal), PassedDrills = new Dictionary<string, Operation>(StringComparer.Ordinal) };
        await AssertAsync(lost, 0, 0, at, 1, 7);
    }

    private Task AdvanceAsync(CancellationToken cancellationToken)
    {
        clock.Advance(TimeSpan.FromSeconds(7));
        return Task.CompletedTask;
    }

    private Task<DrillRecord> DrillAsync() => bench.Drills.RunAsync(bench.Source, progress: null, TimeSpan.Zero, CancellationToken.None);

    private JournalRecords Records() => SomeState.Records(bench.Journal, bench.History);

    /// <param name="expected">Passed, failed, end, success (null: not told), duration.</param>
    private Task AssertAsync(params double?[] expected) => AssertAsync(Records(), expected);

    private async Task AssertAsync(JournalRecords records, params double?[] expected)
    {
        var scheduled = new ScheduledSource(bench.Source, [], TimeSpan.FromHours(24), TimeSpan.FromHours(48));
        var exposition = new Exposition();
        DrillMetrics.Add(exposition, [SomeState.Of(scheduled, await bench.BackupsAsync(), clock.GetUtcNow()) with { Records = records.Of(scheduled.Name, () => new SourceHistory()) }]);
        var series = await Scrape.SeriesAsync(exposition);

        string[] names =
        [
            $"nexus_backup_drills_total{{source=\"{bench.Source.Name}\",result=\"success\"}}",
            $"nexus_backup_drills_total{{source=\"{bench.Source.Name}\",result=\"failure\"}}",
            .. from figure in (string[])["timestamp_seconds", "success", "duration_seconds"] select $"nexus_backup_last_drill_{figure}{{source=\"{bench.Source.Name}\"}}",
        ];
        Assert.Equal(expected, names.Select(name => series.TryGetValue(name, out var value) ? value : (double?)null));
        Assert.Empty(series.Keys.Except(names));
    }
}
