using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace NexusBackupAgent.Benchmarks.Micro;

/// <summary>How the micro-benchmarks run: in this process, so that they need no project of their own, with few iterations.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class MicroBenchmarkAttribute : Attribute, IConfigSource
{
    public IConfig Config { get; } = ManualConfig.CreateEmpty().AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
}
