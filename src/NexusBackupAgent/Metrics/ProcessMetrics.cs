using System.Diagnostics;
using Prometheus;

namespace NexusBackupAgent.Metrics;

/// <summary>The agent as a process, under the names that every dashboard of processes asks for. prometheus-net's own collector has others.</summary>
internal static class ProcessMetrics
{
    private const string OpenFiles = "/proc/self/fd";

    public static void Add(CollectorRegistry registry)
    {
        var factory = Prometheus.Metrics.WithCustomRegistry(registry);
        factory.CreateCounter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.").IncTo(Environment.CpuUsage.TotalTime.TotalSeconds);
        factory.CreateGauge("process_resident_memory_bytes", "Resident memory size in bytes.").Set(Environment.WorkingSet);
        factory.CreateGauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.").Set(StartedAt());
        if (Directory.Exists(OpenFiles)) // Linux
            factory.CreateGauge("process_open_fds", "Number of open file descriptors.").Set(CountOpenFiles());
    }

    private static double StartedAt()
    {
        using var self = Process.GetCurrentProcess();
        return Exposition.Seconds(new DateTimeOffset(self.StartTime));
    }

    /// <summary>Without the one that the count itself opens.</summary>
    private static int CountOpenFiles() => Directory.EnumerateFileSystemEntries(OpenFiles).Count() - 1;
}
