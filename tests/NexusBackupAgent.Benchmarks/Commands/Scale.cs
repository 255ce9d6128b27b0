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
    /// <summary>MB.</summary>
    private const double MemoryGoal = 100;

    // What is asked of a large catalog, and how many seconds it may take.
    private static readonly (string[] Command, double Goal)[] Looks = [(["list", "--json"], 2), (["list"], 2), (["status"], 1)];
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
        Console.WriteLine($"{History} backups; goals {string.Join(", ", Looks.Select(look => $"{string.Join(' ', look.Command)} {look.Goal} s"))}, {MemoryGoal} MB; each of {Listings} runs: s (CPU s, peak MB)");
        foreach (var isCold in (bool[])[true, false])
        {
            var runs = Looks.Select(_ => new List<(double Seconds, double Cpu, double Megabytes)>()).ToArray();
            for (var run = 0; run < Listings; run++)
            {
                for (var look = 0; look < Looks.Length; look++) // in turn
                    runs[look].Add(await LookAsync(site, isCold, Looks[look].Command));
            }

            foreach (var (look, took) in Looks.Zip(runs))
            {
                isWithinGoal &= Statistics.Median([.. took.Select(run => run.Seconds)]) <= look.Goal && took.Max(run => run.Megabytes) <= MemoryGoal;
                Console.WriteLine($"{(isCold ? "cold" : "warm"),6} {string.Join(' ', look.Command),-12}  {string.Join(", ", took.Select(run => $"{run.Seconds:0.0} ({run.Cpu:0.0}, {run.Megabytes:0})"))}");
            }
        }

        return isWithinGoal;
    }

    /// <param name="isCold">Whether the files' contents are dropped from the page cache first; names and inodes stay, which only root can drop.</param>
    private static async Task<(double Seconds, double Cpu, double Megabytes)> LookAsync(AgentUnderTest site, bool isCold, string[] command)
    {
        foreach (var file in isCold ? Directory.EnumerateFiles(site.Store) : [])
        {
            using var handle = File.OpenHandle(file);
            PageCache.Forget(handle);
        }

        var (started, cpu) = (Stopwatch.GetTimestamp(), EndedChildren.CpuSeconds);
        using var look = site.StartCommand(command);
        var peak = ProcessMemory.PeakOfAsync(look);
        await AgentUnderTest.RequireSuccessAsync(look);
        return (Stopwatch.GetElapsedTime(started).TotalSeconds, EndedChildren.CpuSeconds - cpu, await peak / 1e6);
    }
}
