using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>What a process is started with, and does not work well with.</summary>
internal static partial class ProcessStart
{
    private const int ReadOnly = 0; // O_RDONLY: programs that are started have it too
    private const int GetFlags = 1; // F_GETFD
    private const uint OwnersRights = 0b111_000_000;
    private const int FileTooLarge = 25; // SIGXFSZ
    private const int MostArenas = -8; // M_ARENA_MAX
    private const nint Ignore = 1; // SIG_IGN: programs that are started ignore it too, and say what failed

    public static void Prepare()
    {
        if (!OperatingSystem.IsLinux())
            return;
        FillClosedStreams();
        LeaveOwnersRights();
        ShareHeaps();
        _ = Signal(FileTooLarge, Ignore); // otherwise a limit (ulimit -f) kills, and nothing is told or cleaned up
    }

    /// <summary>
    /// Input, output and errors may be closed (<c>&gt;&amp;-</c>). The next file that is opened gets such a number, and the words go
    /// into a database, a backup or the runtime's pipe of signals. What is put in their place refuses words as a closed one does.
    /// </summary>
    private static void FillClosedStreams()
    {
        for (var stream = 0; stream <= 2; stream++)
        {
            if (Control(stream, GetFlags) < 0)
                _ = Open("/dev/null", ReadOnly); // gets the lowest free number
        }
    }

    /// <summary>A umask that takes rights from the owner makes files that the agent itself, unless it is root, can't open again.</summary>
    private static void LeaveOwnersRights()
    {
        var mask = Umask(OwnersRights);
        _ = Umask(mask & ~OwnersRights);
    }

    /// <summary>glibc gives threads up to eight heaps for each core, and what lies free in one is of no use to another.</summary>
    private static void ShareHeaps()
    {
        try
        {
            _ = SetHeap(MostArenas, 2);
        }
        catch (EntryPointNotFoundException)
        {
            // another libc than glibc has one heap
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetHeap(int setting, int value);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint Umask(uint mask);
}
