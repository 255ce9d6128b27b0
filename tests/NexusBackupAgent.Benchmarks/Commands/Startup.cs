using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Commands;

/// <summary>How long Prometheus has to wait for a starting agent: from the start of the process to the first scrape that is answered.</summary>
internal static class Startup
{
    private static readonly TimeSpan Goal = TimeSpan.FromMilliseconds(500);

    /// <param name="options"><c>--rounds N</c> (default 20).</param>
    /// <returns>0 when the median is within the goal.</returns>
    /// <exception cref="InvalidOperationException">The agent did not answer.</exception>
    public static async Task<int> RunAsync(string[] options)
    {
        var rounds = options is ["--rounds", var number] ? int.Parse(number) : 20;
        using var directory = new BenchmarkDirectory();
        var database = directory.File("itsm_nexus.db");
        ItsmDatabase.Create(database, ItsmDatabase.Bytes(1), isWal: true);
        var address = RunningAgent.FreeAddress();
        var agent = new AgentUnderTest(directory.Path, database, address);
        using (var first = agent.StartBackup())
            await AgentUnderTest.RequireSuccessAsync(first); // otherwise the agent would make one as it starts

        var times = new List<double>();
        for (var round = 0; round <= rounds; round++)
        {
            await using var running = await RunningAgent.StartAsync(agent, address);
            if (round > 0) // the first also warms this program's own client
                times.Add(running.StartTook.TotalMilliseconds);
        }

        Console.WriteLine(
            $"start to first scrape, {rounds} rounds: median {Statistics.Median(times):0} ms, p90 {Statistics.Percentile(times, 90):0} ms, "
            + $"least {times.Min():0} ms, most {times.Max():0} ms; goal {Goal.TotalMilliseconds:0} ms");
        return Statistics.Median(times) <= Goal.TotalMilliseconds ? 0 : 1;
    }
}
