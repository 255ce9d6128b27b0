using System.Diagnostics;
using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Benchmarks.Commands;

/// <summary>What grows with the number of sources (start, scrape, scheduling) and of backups (listing them).</summary>
internal static class Scale
{
    private const int Scrapes = 21;
    private const int Listings = 3;
    private const int History = 100_000;

    private static readonly int[] Sources = [100, 300, 1000];
    private static readonly TimeSpan ScrapeGoal = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ListGoal = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan IdlePhase = TimeSpan.FromSeconds(30);

    /// <param name="options"><c>sources</c> or <c>list</c> for one of the two.</param>
    /// <returns>0 when scrape and listing are within their goals.</returns>
    public static async Task<int> RunAsync(string[] options)
    {
        var isWithinGoals = true;
        if (options is not ["list"])
            isWithinGoals &= await MeasureSourcesAsync();
        if (options is not ["sources"])
            isWithinGoals &= await MeasureListAsync();
        return isWithinGoals ? 0 : 1;
    }

    private static async Task<bool> MeasureSourcesAsync()
    {
        Console.WriteLine($"{"sources",8} {"first start",12} {"restart",11} {"scrape median",14} {"least",9} {"scrape CPU",11} {"text",9} {"sent",9} {"idle",18} {"resident",12}");
        var median = TimeSpan.MaxValue;
        foreach (var sources in Sources)
            median = await MeasureSourcesAsync(sources);
        Console.WriteLine($"goal: a scrape of {Sources[^1]} sources in {ScrapeGoal.TotalMilliseconds} ms, and nothing that grows faster than the sources do");
        return median <= ScrapeGoal;
    }

    /// <returns>The median of the scrapes.</returns>
    private static async Task<TimeSpan> MeasureSourcesAsync(int sources)
    {
        using var directory = new BenchmarkDirectory();
        var address = RunningAgent.FreeAddress();
        var site = TenantSite.Create(directory.Path, sources, address);
        TimeSpan firstStart;
        await using (var first = await RunningAgent.StartAsync(site, address))
        {
            firstStart = first.StartTook;
            await Pause.ForAsync(IdlePhase); // it gets to know each of them
        }

        await using var agent = await RunningAgent.StartAsync(site, address);
        await Pause.ForAsync(IdlePhase / 2); // its start is over
        var text = (await agent.ScrapeAsync()).Text.Length;
        var beforeScrapes = agent.CpuSeconds;
        var times = new List<double>();
        var sent = 0;
        for (var scrape = 0; scrape < Scrapes; scrape++)
        {
            (sent, var took) = await agent.ScrapeAsPrometheusAsync();
            times.Add(took.TotalMilliseconds);
        }

        var beforeIdle = agent.CpuSeconds;
        await Pause.ForAsync(IdlePhase);
        Console.WriteLine(
            $"{sources,8} {firstStart.TotalMilliseconds,9:0} ms {agent.StartTook.TotalMilliseconds,8:0} ms {Statistics.Median(times),11:0.0} ms {times.Min(),6:0.0} ms "
            + $"{(beforeIdle - beforeScrapes) / Scrapes * 1000,8:0} ms {text / 1e3,6:0} kB {sent / 1e3,6:0} kB {agent.CpuSeconds - beforeIdle,7:0.00} CPU s/30 s {agent.ResidentMegabytes,9:0.0} MB");
        return TimeSpan.FromMilliseconds(Statistics.Median(times));
    }

    private static async Task<bool> MeasureListAsync()
    {
        using var directory = new BenchmarkDirectory();
        var site = TenantSite.CreateHistory(directory.Path, History, RunningAgent.FreeAddress());
        var isWithinGoal = true;
        Console.WriteLine($"nexus-backup list of {History} backups, goal {ListGoal.TotalSeconds} s; each of {Listings} runs");
        foreach (var isCold in (bool[])[true, false])
        {
            foreach (var format in (string[][])[["--json"], []])
            {
                var runs = new List<(double Seconds, double Cpu)>();
                for (var run = 0; run < Listings; run++)
                    runs.Add(await ListAsync(site, isCold, format));
                isWithinGoal &= Statistics.Median([.. runs.Select(run => run.Seconds)]) <= ListGoal.TotalSeconds;
                Console.WriteLine(
                    $"{(isCold ? "cold" : "warm"),6} {(format is [] ? "table" : "json"),6}  {string.Join(", ", runs.Select(run => $"{run.Seconds:0.0} s ({run.Cpu:0.0} CPU s)"))}");
            }
        }

        return isWithinGoal;
    }

    /// <param name="isCold">Whether the files' contents are dropped from the page cache first; names and inodes stay, which only root can drop.</param>
    private static async Task<(double Seconds, double Cpu)> ListAsync(AgentUnderTest site, bool isCold, string[] format)
    {
        foreach (var file in isCold ? Directory.EnumerateFiles(site.Store) : [])
        {
            using var handle = File.OpenHandle(file);
            PageCache.Forget(handle);
        }

        var (started, cpu) = (Stopwatch.GetTimestamp(), EndedChildren.CpuSeconds);
        using var list = site.StartList(format);
        await AgentUnderTest.RequireSuccessAsync(list);
        return (Stopwatch.GetElapsedTime(started).TotalSeconds, EndedChildren.CpuSeconds - cpu);
    }
}
