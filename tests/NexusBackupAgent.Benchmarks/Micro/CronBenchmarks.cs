using BenchmarkDotNet.Attributes;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>The next occurrence of schedules near and far.</summary>
[MicroBenchmark, MemoryDiagnoser]
public class CronBenchmarks
{
    private static readonly DateTimeOffset After = new(2026, 2, 14, 12, 34, 56, TimeSpan.Zero);

    private CronSchedule schedule = CronSchedule.Parse("@daily");
    private TimeZoneInfo zone = TimeZoneInfo.Utc;

    /// <summary>Daily, every six hours, monthly, and the leap day.</summary>
    [Params("0 2 * * *", "0 */6 * * *", "0 4 1 * *", "0 0 29 2 *")]
    public string Expression { get; set; } = "";

    /// <summary>Without and with daylight saving.</summary>
    [Params("Asia/Tokyo", "Europe/Berlin")]
    public string Zone { get; set; } = "";

    [GlobalSetup]
    public void Prepare() => (schedule, zone) = (CronSchedule.Parse(Expression), TimeZoneInfo.FindSystemTimeZoneById(Zone));

    [Benchmark(Description = "next occurrence")]
    public DateTimeOffset? Next() => schedule.GetNextOccurrence(After, zone);
}
