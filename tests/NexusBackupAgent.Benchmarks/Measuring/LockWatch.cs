using System.Diagnostics;

namespace NexusBackupAgent.Benchmarks.Measuring;

/// <summary>How long a process holds SQLite's shared lock on a database, as the kernel lists it in <c>/proc/locks</c>.</summary>
internal static class LockWatch
{
    private const string FirstSharedByte = "1073741826"; // SHARED_FIRST of SQLite's file format
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);

    /// <summary>Watches until the process ends.</summary>
    /// <param name="process">Locks one database at a time.</param>
    /// <param name="database">Other files of the same process are not counted.</param>
    /// <returns>Milliseconds between the first and the last sight of the lock, to within a few.</returns>
    public static async Task<double> HeldAsync(Process process, string database)
    {
        var inode = await InodeAsync(database);
        var owner = process.Id.ToString();
        long first = 0, last = 0;
        while (!process.HasExited)
        {
            if (IsHeld(owner, inode))
            {
                last = Stopwatch.GetTimestamp();
                first = first == 0 ? last : first;
            }

            await Pause.ForAsync(Interval);
        }

        return Stopwatch.GetElapsedTime(first, last).TotalMilliseconds;
    }

    // 1: POSIX  ADVISORY  READ 4711 fe:00:12345 1073741826 1073742335
    private static bool IsHeld(string owner, string inode) => File.ReadLines("/proc/locks")
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Any(fields => fields is [_, "POSIX", _, "READ", var process, var file, FirstSharedByte, ..] && process == owner && file.EndsWith(':' + inode, StringComparison.Ordinal));

    private static async Task<string> InodeAsync(string path)
    {
        using var stat = AgentUnderTest.Start("stat", "/", "--format=%i", path);
        return (await stat.StandardOutput.ReadToEndAsync()).Trim();
    }
}
