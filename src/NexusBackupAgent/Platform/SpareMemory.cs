using System.Globalization;
using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Gives memory back to the host when work is over. The collector looks at its heap only when something is allocated, and glibc keeps what its threads
/// have freed: an agent that waits for the night would hold what its start, the self-test or a run needed for a second. So it would with the parts
/// of the program that only they needed.
/// </summary>
internal sealed partial class SpareMemory : IDisposable
{
    /// <summary>Bytes. Less is worth no collection; and a process that allocates less between two looks is not at work.</summary>
    internal const long Little = 2 << 20;

    /// <summary>How soon it looks again after work. A start is work; so the second look gives back what it needed.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>How soon it looks again where nothing is left to give back. Each look wakes three threads of an agent that sleeps.</summary>
    internal static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly ITimer timer;
    private long atLastLook;
    private long atLastReturn;

    /// <summary>Looks from now on, until it is disposed of. It is about the whole process, which must be the agent's alone.</summary>
    public SpareMemory(TimeProvider timeProvider) => timer = timeProvider.CreateTimer(_ => Look(), state: null, Interval, Timeout.InfiniteTimeSpan);

    /// <summary>How long after the last look the next one comes.</summary>
    internal TimeSpan UntilNextLook => atLastLook - atLastReturn < Little ? Rest : Interval;

    public void Dispose() => timer.Dispose();

    /// <summary>Whether much was allocated since memory was given back, and little since the last look.</summary>
    /// <param name="allocated">Bytes allocated since the start of the process.</param>
    internal bool IsWorthReturning(long allocated)
    {
        var isCalm = allocated - atLastLook < Little;
        atLastLook = allocated;
        if (!isCalm || allocated - atLastReturn < Little)
            return false;
        atLastReturn = allocated;
        return true;
    }

    private void Look()
    {
        if (IsWorthReturning(GC.GetTotalAllocatedBytes()))
            Return();
        timer.Change(UntilNextLook, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Gives back at once all that is not in use.</summary>
    public static void Return()
    {
        // Aggressive: the only mode that gives the kernel back what the collector keeps for later. It takes milliseconds: the heap of an agent is small.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc; it alone has this function.
        }

        LetGoOfProgram();
    }

    /// <summary>Lets go of the parts of the program that are not needed all the time. At the start these are most of its constants: the runtime unpacked its data from them.</summary>
    public static void LetGoOfProgram()
    {
        try
        {
            foreach (var (start, length) in Unchanged(File.ReadLines("/proc/self/smaps"), Environment.ProcessPath ?? ""))
                _ = Advise(start, length, DontNeed); // what refuses stays as it is
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // No handle is free, or nobody may look: the parts stay in memory.
        }
    }

    /// <summary>
    /// The parts of the program that are in memory as they are on disk. Who lets go of them reads what is needed again out of the kernel's cache, which may give the
    /// rest to others. A part with a page of its own is none of them: the loader changed it. Nor is a library: one may be loaded at this moment.
    /// </summary>
    /// <param name="smaps">Lines of <c>/proc/PID/smaps</c> (proc(5)).</param>
    /// <param name="program">Its file.</param>
    internal static IEnumerable<(nint Start, nint Length)> Unchanged(IEnumerable<string> smaps, string program)
    {
        (nint Start, nint Length)? part = null;
        foreach (var line in smaps)
        {
            if (char.IsAsciiHexDigitLower(line[0]))
                part = PartOf(line, program);
            else if (part is { } unchanged && line.StartsWith("Anonymous:", StringComparison.Ordinal) && line.EndsWith(" 0 kB", StringComparison.Ordinal))
                yield return unchanged;
        }
    }

    private static (nint Start, nint Length)? PartOf(string line, string program)
    {
        var columns = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (columns.Length < 6 || columns[5] != program || columns[1] is not ['r', '-', _, 'p'])
            return null;
        var range = columns[0].Split('-');
        var (start, end) = (nint.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), nint.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        return (start, end - start);
    }

    // madvise(2)
    private const int DontNeed = 4;

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nint length, int advice);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint spare);
}
