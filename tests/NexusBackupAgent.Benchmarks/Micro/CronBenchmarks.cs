using BenchmarkDotNet.Attributes;
using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>The next and the previous occurrence of schedules near and far, and reading them.</summary>
[MicroBenchmark, MemoryDiagnoser]
public class CronBenchmarks
{
    private static readonly DateTimeOffset Now = new(2026, 2, 14, 12, 34, 56, TimeSpan.Zero);

    private CronSchedule schedule = CronSchedule.Parse("@daily");
    private TimeZoneInfo zone = TimeZoneInfo.Utc;

    /// <summary>Daily, every six hours, monthly, the leap day, every second of one hour a day, and a day that never comes.</summary>
    [Params("0 2 * * *", "0 */6 * * *", "0 4 1 * *", "0 0 29 2 *", "* * 2 * * *", "0 0 30 2 *")]
    public string Expression { get; set; } = "";

    /// <summary>Without and with daylight saving.</summary>
    [Params("Asia/Tokyo", "Europe/Berlin")]
    public string Zone { get; set; } = "";

    [GlobalSetup]
    public void Prepare() => (schedule, zone) = (CronSchedule.Parse(Expression), TimeZoneInfo.FindSystemTimeZoneById(Zone));

    [Benchmark(Description = "next occurrence")]
    public DateTimeOffset? Next() => schedule.GetNextOccurrence(Now, zone);

    /// <summary>Searched for with the next one, so it costs several of them.</summary>
    [Benchmark(Description = "previous occurrence")]
    public DateTimeOffset? Previous() => schedule.GetPreviousOccurrence(Now, zone);

    [Benchmark(Description = "parse")]
    public string Parse() => CronSchedule.Parse(Expression).ToString();
}
