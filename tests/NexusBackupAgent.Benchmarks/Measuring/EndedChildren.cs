namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>What the processes cost that this one started and that have ended.</summary>
internal static class EndedChildren
{
    private const int FieldsBeforeName = 2;
    private const int UserTime = 16; // cutime and cstime of proc_pid_stat(5), counted from 1
    private const int SystemTime = 17;
    private const double TicksPerSecond = 100; // USER_HZ on every architecture of .NET

    /// <summary>Seconds of all of them, in hundredths.</summary>
    public static double CpuSeconds
    {
        get
        {
            var stat = File.ReadAllText("/proc/self/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // a program's name may hold spaces
            return (long.Parse(fields[UserTime - FieldsBeforeName - 1]) + long.Parse(fields[SystemTime - FieldsBeforeName - 1])) / TicksPerSecond;
        }
    }
}
