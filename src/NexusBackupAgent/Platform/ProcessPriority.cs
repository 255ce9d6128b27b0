using System.Globalization;

namespace NexusBackupAgent.Platform;

/// <summary>The priority of this process beside the applications that it protects.</summary>
internal static class ProcessPriority
{
    /// <summary>The nice value of a backup, as deploy/systemd sets it: about a tenth of the processor where others want it too, all of it where nobody does.</summary>
    public const int Nice = 10;

    /// <summary>
    /// Lets the host's applications go first. A thread inherits the values from the one that starts it, so what exists
    /// is changed once and the rest follows. A process that is nice already stays as it is.
    /// </summary>
    public static void Yield()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var settled = new HashSet<int>();
        while (SettleThreads(settled))
        {
            // A thread that was not changed yet may have started another meanwhile.
        }
    }

    /// <returns>Whether there was a new one.</returns>
    private static bool SettleThreads(HashSet<int> settled)
    {
        try
        {
            var isNew = false;
            foreach (var directory in Directory.EnumerateDirectories("/proc/self/task"))
            {
                if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var thread) || !settled.Add(thread))
                    continue;
                ThreadPriority.Lower(thread, Nice);
                isNew = true;
            }

            return isNew;
        }
        catch (Exception unknown) when (IoFailure.IsKnown(unknown))
        {
            return false; // without /proc the backup is as good, and only less polite
        }
    }
}
