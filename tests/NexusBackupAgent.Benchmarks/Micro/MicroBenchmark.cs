using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>How the micro-benchmarks run: in this process, so that they need no project of their own, with few iterations.</summary>
/// <param name="isLong">Whether one call takes a noticeable time, so that nothing is gained by calling in a loop.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class MicroBenchmarkAttribute(bool isLong = false) : Attribute, IConfigSource
{
    public IConfig Config { get; } = ManualConfig.CreateEmpty().AddJob(JobOf(isLong).WithToolchain(InProcessEmitToolchain.Instance));

    private static Job JobOf(bool isLong) =>
        isLong ? Job.Default.WithStrategy(RunStrategy.Monitoring).WithWarmupCount(2).WithIterationCount(7) : Job.ShortRun;
}
