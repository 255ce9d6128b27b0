using BenchmarkDotNet.Running;
using NexusBackupAgent.Benchmarks.Commands;
using NexusBackupAgent.Benchmarks.Data;

const string Usage = """
    usage: dotnet run -c Release --project tests/NexusBackupAgent.Benchmarks -- COMMAND

      micro [BENCHMARKDOTNET-OPTIONS]        parts of the agent by themselves
      busy-writer [--rounds N] [--mib N]     a writer's commits before and during a backup
      memory [MIB…]                          peak memory of nexus-backup backup; default 100 500 2048
      startup [--rounds N]                   from the agent's start to its first answered scrape
      idle                                   memory and CPU of an agent with 10 sources and nothing to do; four minutes
      scale [sources|list]                   start, scrape and scheduling of 100 to 1,000 sources; a list of 100,000 backups
      make-database FILE MIB [wal|rollback|blobs]  the seeded databases that the others use

    Scratch files go to $BENCHMARK_DIRECTORY, or below the directory of temporary files.
    The side-by-side comparison with other tools is tests/NexusBackupAgent.Benchmarks/compare.
    """;

switch (args)
{
    case ["micro", .. var options]:
        BenchmarkSwitcher.FromAssembly(typeof(MemoryPeaks).Assembly).Run(options is [] ? ["--filter", "*"] : options);
        return 0;
    case ["busy-writer", .. var options]:
        return await BusyWriter.RunAsync(options);
    case ["writer", var database, var record]:
        Writer.Run(database, record);
        return 0;
    case ["memory", .. var sizes]:
        return await MemoryPeaks.RunAsync(sizes is [] ? [100, 500, 2048] : [.. sizes.Select(int.Parse)]);
    case ["startup", .. var options]:
        return await Startup.RunAsync(options);
    case ["idle"]:
        return await Idle.RunAsync();
    case ["scale", .. var options]:
        return await Scale.RunAsync(options);
    case ["make-database", var file, var mebibytes, "blobs"]:
        PictureDatabase.Create(file, ItsmDatabase.Bytes(int.Parse(mebibytes)));
        return 0;
    case ["make-database", var file, var mebibytes, .. var mode]:
        ItsmDatabase.Create(file, ItsmDatabase.Bytes(int.Parse(mebibytes)), mode is not ["rollback"]);
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}
