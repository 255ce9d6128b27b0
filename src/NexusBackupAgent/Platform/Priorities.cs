using System.Globalization;
using System.Runtime.InteropServices;

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

/// <summary>What Linux's scheduler is asked to do with one thread. All of it is a wish.</summary>
internal static partial class ThreadPriority
{
    /// <summary>
    /// Nanoseconds, the least that Linux 6.12 and later takes: how long a thread may go on when another one wakes. The default is some
    /// milliseconds, and a commit wakes the application's thread several times. Older kernels ignore it.
    /// </summary>
    private const ulong Slice = 100_000;

    private const int OfOneThread = 0; // PRIO_PROCESS, which on Linux means a thread
    private const ulong KeepPolicy = 0x08; // SCHED_FLAG_KEEP_POLICY

    /// <param name="thread">Its id.</param>
    /// <param name="nice">What it shall have at least; one that has more keeps that.</param>
    public static void Lower(int thread, int nice)
    {
        var present = GetPriority(OfOneThread, thread);
        if (present < nice)
            _ = SetPriority(OfOneThread, thread, nice); // by itself too: what follows is refused in many a sandbox
        if (NumberOfSetAttributes is not { } number)
            return;
        var attributes = new Attributes { Size = (uint)Marshal.SizeOf<Attributes>(), Flags = KeepPolicy, Nice = Math.Max(nice, present), Runtime = Slice };
        _ = SystemCall(number, thread, ref attributes, 0);
    }

    // sched_setattr(2), for which C libraries before 2025 have no function.
    private static long? NumberOfSetAttributes => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 314,
        Architecture.Arm64 => 274,
        _ => null,
    };

    [LibraryImport("libc", EntryPoint = "getpriority")]
    private static partial int GetPriority(int which, int who);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, long thread, ref Attributes attributes, ulong flags);

    /// <summary>struct sched_attr, first version.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime;
        public ulong Deadline;
        public ulong Period;
    }
}

/// <summary>How much of the machine the agent's work side by side uses.</summary>
internal static class Cores
{
    // Each one that compresses costs up to 10 MB (buffers, the compressor's state, its thread), of 120 MB for the whole agent;
    // those that read a catalog wait for each other in the kernel. And the host has other work.
    private const int Most = 4;

    /// <summary>How many things are done at once, 1 to 4: every core of a small machine, and on a large one no more memory than on that.</summary>
    public static readonly int Used = Math.Clamp(Environment.ProcessorCount, 1, Most);
}

/// <summary>Work on many small things of one kind, on several cores where there are enough of them.</summary>
internal static class Sections
{
    /// <summary>Things; fewer are done sooner than another thread has begun.</summary>
    private const int Enough = 2048;

    /// <summary>Does all of 0 to <paramref name="count"/> − 1, in sections side by side, and completes when all are done.</summary>
    /// <param name="work">Does a section from the first to before the second number; called by several threads at once.</param>
    /// <exception cref="Exception">The first that a section threw; others may not have been done then.</exception>
    public static async Task DoAsync(int count, Func<int, int, CancellationToken, ValueTask> work, CancellationToken cancellationToken)
    {
        if (count < Enough || Cores.Used == 1)
        {
            await work(0, count, cancellationToken);
            return;
        }

        var length = (count / (Cores.Used * 8)) + 1; // short enough that none is long waited for
        await Parallel.ForEachAsync(
            Enumerable.Range(0, (count + length - 1) / length),
            new ParallelOptions { MaxDegreeOfParallelism = Cores.Used, CancellationToken = cancellationToken },
            (section, _) => work(section * length, Math.Min(count, (section + 1) * length), cancellationToken)); // the caller's word is heard at once, the loop's own a section later
    }
}
