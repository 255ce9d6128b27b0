using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Commands;

/// <summary>What an agent costs that has nothing to do: ten sources, no run due.</summary>
internal static class Idle
{
    private const int Sources = 10;

    /// <summary>MB.</summary>
    private const double MemoryGoal = 45;

    /// <summary>Seconds of CPU in a minute, the least that the kernel counts.</summary>
    private const double CpuGoal = 0.01;

    private static readonly TimeSpan Phase = TimeSpan.FromMinutes(1);

    // The self-test begins a minute after the start.
    private static readonly TimeSpan StartPhase = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan ScrapeInterval = TimeSpan.FromSeconds(15);

    /// <returns>0 when memory and CPU are within the goals.</returns>
    public static async Task<int> RunAsync()
    {
        using var directory = new BenchmarkDirectory();
        var address = RunningAgent.FreeAddress();
        await using var agent = await RunningAgent.StartAsync(TenantSite.Create(directory.Path, Sources, address), address);
        Console.WriteLine($"{Sources} sources; what {StartPhase.TotalSeconds} s of start and a minute of each other cost");
        var start = await MeasureAsync(agent, "start and self-test", StartPhase, isScraped: false);
        var alone = await MeasureAsync(agent, "nothing", Phase, isScraped: false);
        var scraped = await MeasureAsync(agent, $"a scrape every {ScrapeInterval.TotalSeconds} s", Phase, isScraped: true);
        var isWithinGoals = new[] { start, alone, scraped }.All(phase => phase.Megabytes <= MemoryGoal) && alone.Cpu <= CpuGoal;
        Console.WriteLine($"goals: {MemoryGoal} MB always, {CpuGoal} CPU s in a minute with nothing: {(isWithinGoals ? "met" : "missed")}");
        return isWithinGoals ? 0 : 1;
    }

    private static async Task<(double Cpu, double Megabytes)> MeasureAsync(RunningAgent agent, string what, TimeSpan phase, bool isScraped)
    {
        var before = agent.CpuSeconds;
        for (var passed = TimeSpan.Zero; passed < phase; passed += ScrapeInterval)
        {
            await Pause.ForAsync(ScrapeInterval);
            if (isScraped)
                await agent.ScrapeAsync();
        }

        var (cpu, megabytes) = (agent.CpuSeconds - before, agent.ResidentMegabytes);
        Console.WriteLine($"{what,-22} {cpu,6:0.00} CPU s   {megabytes,6:0.0} MB resident after it");
        return (cpu, megabytes);
    }
}
