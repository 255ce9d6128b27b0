using System.Diagnostics;
using NexusBackupAgent.Benchmarks.Data;
using NexusBackupAgent.Benchmarks.Measuring;

namespace NexusBackupAgent.Benchmarks.Commands;

/// <summary>
/// What a backup costs the application: the latency of a writer in its own process that commits 100 times a second,
/// with no backup, while <c>nexus-backup backup</c> runs, and while the stepped online backup of the sqlite3 shell does.
/// </summary>
internal static class BusyWriter
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Alone = TimeSpan.FromSeconds(10);

    /// <summary>The stepped backup starts again whenever somebody commits, so it has to be stopped.</summary>
    private static readonly TimeSpan ShellLimit = TimeSpan.FromSeconds(30);

    /// <param name="options"><c>--rounds N</c> (default 3), <c>--mib N</c> (default 500).</param>
    /// <returns>0.</returns>
    /// <exception cref="InvalidOperationException">A backup of the agent failed.</exception>
    public static async Task<int> RunAsync(string[] options)
    {
        var rounds = Option(options, "--rounds", 3);
        var mebibytes = Option(options, "--mib", 500);
        Console.WriteLine($"a writer at 100 commits/s on {mebibytes} MiB; medians of {rounds} rounds; milliseconds\n");
        Console.WriteLine($"{"journal",-9} {"meanwhile",-20} {"seconds",8} {"commits/s",10} {"p50",8} {"p99",8} {"max",8} {"lock held",10}");
        foreach (var isWal in (bool[])[true, false])
            await MeasureAsync(mebibytes, isWal, rounds);
        return 0;
    }

    private static int Option(string[] options, string name, int otherwise) =>
        Array.IndexOf(options, name) is >= 0 and var at && at + 1 < options.Length ? int.Parse(options[at + 1]) : otherwise;

    private static async Task MeasureAsync(int mebibytes, bool isWal, int rounds)
    {
        using var directory = new BenchmarkDirectory();
        var database = directory.File("itsm_nexus.db");
        ItsmDatabase.Create(database, ItsmDatabase.Bytes(mebibytes), isWal);
        var agent = new AgentUnderTest(directory.Path, database);
        var phases = new List<Phase>();
        for (var round = 0; round < rounds; round++)
        {
            phases.AddRange(await RoundAsync(directory, database, agent));
            agent.Clear();
        }

        foreach (var same in phases.GroupBy(phase => phase.Name, StringComparer.Ordinal))
            Print(isWal ? "wal" : "rollback", same.Key, [.. same]);
    }

    private static async Task<List<Phase>> RoundAsync(BenchmarkDirectory directory, string database, AgentUnderTest agent)
    {
        var record = directory.File("commits");
        using var writer = StartWriter(database, record);
        await Pause.ForAsync(WarmUp);
        var alone = await PhaseAsync("nothing", async () =>
        {
            await Pause.ForAsync(Alone);
            return 0;
        });
        var backup = await PhaseAsync("nexus-backup backup", () => BackUpAsync(agent.StartBackup(), database));
        await Pause.ForAsync(WarmUp);
        var nice = await PhaseAsync("the same at nice 10", () => BackUpAsync(agent.StartNiceBackup(), database));
        await Pause.ForAsync(WarmUp);
        var shell = await PhaseAsync("sqlite3 .backup", () => ShellBackupAsync(directory, database));

        writer.StandardInput.Close();
        await writer.WaitForExitAsync();
        var commits = Writer.Read(record);
        return [.. new[] { alone, backup, nice, shell }.Select(phase => phase with { Commits = [.. commits.Where(phase.Covers).Select(commit => commit.Milliseconds)] })];
    }

    private static Process StartWriter(string database, string record) => Process.Start(
        new ProcessStartInfo(Environment.ProcessPath!, ["writer", database, record]) { UseShellExecute = false, RedirectStandardInput = true })!;

    private static async Task<Phase> PhaseAsync(string name, Func<Task<double>> work)
    {
        var startedAt = Stopwatch.GetTimestamp();
        var locked = await work();
        return new Phase(name, startedAt, Stopwatch.GetTimestamp(), locked, []);
    }

    private static async Task<double> BackUpAsync(Process started, string database)
    {
        using var backup = started;
        var held = LockWatch.HeldAsync(backup, database);
        await AgentUnderTest.RequireSuccessAsync(backup);
        return await held;
    }

    /// <returns>How long it held its lock; infinite when it had to be stopped or gave up.</returns>
    private static async Task<double> ShellBackupAsync(BenchmarkDirectory directory, string database)
    {
        var copy = directory.File("shell.db");
        using var shell = AgentUnderTest.Start("sqlite3", directory.Path, database, $".backup '{copy}'");
        using var limit = new CancellationTokenSource(ShellLimit);
        var held = LockWatch.HeldAsync(shell, database);
        var isFinished = true;
        try
        {
            await shell.WaitForExitAsync(limit.Token);
            isFinished = shell.ExitCode == 0;
        }
        catch (OperationCanceledException)
        {
            isFinished = false;
            shell.Kill();
        }

        var time = await held;
        File.Delete(copy);
        File.Delete(copy + "-journal");
        return isFinished ? time : double.PositiveInfinity;
    }

    private static void Print(string journal, string name, IReadOnlyList<Phase> rounds)
    {
        var isUnfinished = rounds.Any(phase => double.IsInfinity(phase.LockHeld));
        var seconds = isUnfinished ? "no end" : $"{Statistics.Median([.. rounds.Select(phase => phase.Seconds)]):0.0}";
        var held = isUnfinished ? "-" : $"{Statistics.Median([.. rounds.Select(phase => phase.LockHeld)]):0}";
        Console.WriteLine(
            $"{journal,-9} {name,-20} {seconds,8} {Statistics.Median([.. rounds.Select(phase => phase.Commits.Count / phase.Seconds)]),10:0.0} "
            + $"{Median(50),8:0.0} {Median(99),8:0.0} {Median(100),8:0.0} {held,10}   p99 of each round: {string.Join(" ", rounds.Select(phase => phase.Percentile(99).ToString("0.0")))}");

        double Median(double percent) => Statistics.Median([.. rounds.Select(phase => phase.Percentile(percent))]);
    }

    /// <summary>What the writer met while something else went on.</summary>
    /// <param name="Name">What went on.</param>
    /// <param name="StartedAt">Timestamp.</param>
    /// <param name="EndedAt">Timestamp.</param>
    /// <param name="LockHeld">Milliseconds; infinite when it did not finish.</param>
    /// <param name="Commits">The latency of each commit that ended in between, in milliseconds.</param>
    private sealed record Phase(string Name, long StartedAt, long EndedAt, double LockHeld, IReadOnlyList<double> Commits)
    {
        public double Seconds => Stopwatch.GetElapsedTime(StartedAt, EndedAt).TotalSeconds;

        public bool Covers(Commit commit) => commit.EndedAt >= StartedAt && commit.EndedAt <= EndedAt;

        public double Percentile(double percent) => Statistics.Percentile(Commits, percent);
    }
}
