using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Gives memory back to the host when work is over. The collector looks at its heap only when something is allocated, and glibc keeps what its threads
/// have freed: an agent that waits for the night would hold what its start, the self-test or a run needed for a second.
/// </summary>
internal sealed partial class SpareMemory : IDisposable
{
    /// <summary>Bytes. Less is worth no collection; and a process that allocates less between two looks is not at work.</summary>
    internal const long Little = 2 << 20;

    /// <summary>How often it looks. A start is work; so the second look gives back what it needed.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private readonly ITimer timer;
    private long atLastLook;
    private long atLastReturn;

    /// <summary>Looks from now on, until it is disposed of. It is about the whole process, which must be the agent's alone.</summary>
    public SpareMemory(TimeProvider timeProvider) => timer = timeProvider.CreateTimer(_ => Look(), state: null, Interval, Interval);

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
        if (!IsWorthReturning(GC.GetTotalAllocatedBytes()))
            return;

        // Aggressive: the only mode that gives the kernel back what the collector keeps for later. It takes milliseconds: the heap of a calm agent is small.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            _ = Trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc; it alone has this function.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint spare);
}
