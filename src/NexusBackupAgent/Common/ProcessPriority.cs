using System.Globalization;
using System.Runtime.InteropServices;

namespace NexusBackupAgent.Common;

/// <summary>The priority of this process beside the applications that it protects.</summary>
internal static partial class ProcessPriority
{
    /// <summary>The nice value of a backup, as deploy/systemd sets it: about a tenth of the processor where others want it too, all of it where nobody does.</summary>
    public const int Nice = 10;

    private const int OfOneThread = 0; // PRIO_PROCESS, which on Linux means a thread

    /// <summary>
    /// Lets the host's applications go first. A thread inherits the value from the one that starts it, so what exists
    /// is lowered once and the rest follows. A process that is nice already stays as it is.
    /// </summary>
    public static void Yield()
    {
        if (!OperatingSystem.IsLinux())
            return;
        while (LowerThreads())
        {
            // A thread that was not lowered yet may have started another meanwhile.
        }
    }

    /// <returns>Whether one was lowered.</returns>
    private static bool LowerThreads()
    {
        try
        {
            var lowered = false;
            foreach (var directory in Directory.EnumerateDirectories("/proc/self/task"))
            {
                if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var thread) && GetPriority(OfOneThread, thread) < Nice)
                    lowered |= SetPriority(OfOneThread, thread, Nice) == 0;
            }

            return lowered;
        }
        catch (Exception unknown) when (IoFailure.IsKnown(unknown))
        {
            return false; // without /proc the backup is as good, and only less polite
        }
    }

    [LibraryImport("libc", EntryPoint = "getpriority")]
    private static partial int GetPriority(int which, int who);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);
}
