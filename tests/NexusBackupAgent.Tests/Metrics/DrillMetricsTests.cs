using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Metrics;
using NexusBackupAgent.Scheduling;
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
    public async Task Before_the_first_drill_all_is_0() => await AssertAsync(0, 0, 0, 0);

    [Fact]
    public async Task A_drill_is_counted_with_its_end_result_and_measured_time()
    {
        await bench.RunAsync();
        await DrillAsync();

        await AssertAsync(1, clock.GetUtcNow().ToUnixTimeSeconds(), 1, 7);
    }

    [Fact]
    public async Task A_failed_one_too()
    {
        await DrillAsync(); // there is nothing to restore

        await AssertAsync(1, clock.GetUtcNow().ToUnixTimeSeconds(), 0, 0);
    }

    [Fact]
    public async Task A_later_failure_without_a_backup_outweighs_the_file_of_an_earlier_success()
    {
        await bench.RunAsync();
        await DrillAsync();
        clock.Advance(TimeSpan.FromDays(1));
        source.Checking = _ => throw new BackupException(FailureKind.Io, "the disk", "look");
        await DrillAsync();

        await AssertAsync(2, clock.GetUtcNow().ToUnixTimeSeconds(), 0, 7);
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

        await AssertAsync(2, clock.GetUtcNow().ToUnixTimeSeconds(), 0, 7);
    }

    [Fact]
    public async Task When_the_journal_was_lost_the_files_beside_the_backups_tell()
    {
        await bench.RunAsync();
        await DrillAsync();
        var at = clock.GetUtcNow().ToUnixTimeSeconds();

        double[] expected = [0, at, 1, 7];
        Assert.Equal(expected, Figures(await bench.BackupsAsync(), new Dictionary<(string, string), long>(), new Dictionary<string, Operation>(StringComparer.Ordinal), new Dictionary<string, Operation>(StringComparer.Ordinal)));
    }

    private Task AdvanceAsync(CancellationToken cancellationToken)
    {
        clock.Advance(TimeSpan.FromSeconds(7));
        return Task.CompletedTask;
    }

    private Task<Operation> DrillAsync() => bench.Drills.RunAsync(bench.Source, progress: null, TimeSpan.Zero, CancellationToken.None);

    /// <param name="expected">Count, end, success, duration.</param>
    private async Task AssertAsync(params double[] expected) =>
        Assert.Equal(expected, Figures(await bench.BackupsAsync(), bench.Operations.Counts(OperationKind.Drill), bench.Operations.LastOfEach(OperationKind.Drill), bench.Operations.LastSuccessOfEach(OperationKind.Drill)));

    private double[] Figures(IReadOnlyList<Backup> backups, IReadOnlyDictionary<(string, string), long> counts, IReadOnlyDictionary<string, Operation> last, IReadOnlyDictionary<string, Operation> passed)
    {
        var scheduled = new ScheduledSource(bench.Source, [], TimeSpan.FromHours(24), TimeSpan.FromHours(48));
        var families = DrillMetrics.Of([SourceFigures.Of(scheduled, backups, bench.Journal.Read(), clock.GetUtcNow())], counts, last, passed).ToList();
        Assert.Equal(
            ["nexus_backup_drills_total", "nexus_backup_last_drill_timestamp_seconds", "nexus_backup_last_drill_success", "nexus_backup_last_drill_duration_seconds"],
            families.Select(family => family.Name));
        return [.. families.Select(family => Assert.Single(family.Samples).Value)];
    }
}
