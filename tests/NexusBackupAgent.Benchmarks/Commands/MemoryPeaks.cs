using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Commands;

/// <summary>Peak resident memory of a whole <c>nexus-backup backup</c>, verification included, by size of the database.</summary>
internal static class MemoryPeaks
{
    /// <summary>What the agent may use at any size, in MB.</summary>
    private const int Goal = 60;
    private const int Rounds = 2;

    /// <returns>0 when every peak is within the goal.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<int> mebibytes)
    {
        var isWithinGoal = true;
        Console.WriteLine($"{"database",10} {"journal",9} {"peak RSS",10}   each of {Rounds} runs");
        foreach (var size in mebibytes)
        {
            foreach (var isWal in (bool[])[true, false])
            {
                var peaks = await MeasureAsync(size, isWal);
                isWithinGoal &= peaks.Max() <= Goal;
                Console.WriteLine($"{size + " MiB",10} {(isWal ? "wal" : "rollback"),9} {Statistics.Median(peaks),7:0.0} MB   {string.Join(" ", peaks.Select(peak => peak.ToString("0.0")))}");
            }
        }

        Console.WriteLine(isWithinGoal ? $"all within {Goal} MB" : $"above the goal of {Goal} MB");
        return isWithinGoal ? 0 : 1;
    }

    private static async Task<List<double>> MeasureAsync(int mebibytes, bool isWal)
    {
        using var directory = new BenchmarkDirectory();
        var database = directory.File("itsm_nexus.db");
        ItsmDatabase.Create(database, ItsmDatabase.Bytes(mebibytes), isWal);
        using var open = ItsmDatabase.Open(database); // in WAL mode an application has it open
        ItsmDatabase.Execute(open, "UPDATE tickets SET priority = 1 WHERE id = 1");
        var agent = new AgentUnderTest(directory.Path, database);
        var peaks = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            using var backup = agent.StartBackup();
            var peak = ProcessMemory.PeakOfAsync(backup);
            await AgentUnderTest.RequireSuccessAsync(backup);
            peaks.Add(await peak / 1e6);
            agent.Clear();
        }

        return peaks;
    }
}
