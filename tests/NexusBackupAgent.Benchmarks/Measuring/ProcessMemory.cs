using System.Diagnostics;

namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>What the kernel says of a process's memory.</summary>
internal static class ProcessMemory
{
    /// <param name="process">Its number.</param>
    /// <param name="field">A line of <c>/proc/PID/status</c> in kB, such as <c>VmHWM</c>, the high-water mark.</param>
    /// <returns>Bytes; 0 when the process has ended.</returns>
    public static long Read(int process, string field)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(text => text.StartsWith(field + ":", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2]) * 1024;
        }
        catch (IOException)
        {
            return 0; // it has just ended
        }
    }

    /// <summary>The kernel's high-water mark (VmHWM) as last seen before the process ended, in bytes.</summary>
    public static async Task<long> PeakOfAsync(Process process)
    {
        var peak = 0L;
        while (!process.HasExited)
        {
            peak = Math.Max(peak, Read(process.Id, "VmHWM"));
            await Pause.ForAsync(TimeSpan.FromMilliseconds(10));
        }

        return peak;
    }
}
