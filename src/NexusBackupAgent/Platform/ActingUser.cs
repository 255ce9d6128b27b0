using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>
/// Does work with another user's rights on files, on this thread alone (setfsuid(2)). SQLite opens files by path, and deletes
/// what a journal names: whoever wrote that journal must not have root do it.
/// </summary>
internal static partial class ActingUser
{
    private const uint Nobody = uint.MaxValue; // no such user: asks for the present one
    private const uint CapabilityVersion = 0x20080522;
    private const uint ReadAndSearch = 1 << 2; // CAP_DAC_READ_SEARCH: the way to a directory may lead through one that only root may search

    /// <summary>As that user, if any; otherwise as who this is.</summary>
    public static T As<T>((uint User, uint Group)? who, Func<T> work) => who is var (user, group) ? As(user, group, work) : work();

    /// <param name="user">Root's to choose; anybody else works as who he is.</param>
    /// <param name="group">The only group that the work is done with.</param>
    /// <param name="work">Ends on the thread that it begins on.</param>
    /// <exception cref="UnauthorizedAccessException">Root may not act as another user here.</exception>
    public static T As<T>(uint user, uint group, Func<T> work)
    {
        if (!SystemUser.Current.IsRoot || user == 0)
            return work();
        var groups = new uint[Math.Max(GetGroups(0, null), 0)];
        _ = GetGroups(groups.Length, groups);
        var ownGroup = SetFileGroup(group);
        SetGroups([group]);
        _ = SetFileUser(user);
        try
        {
            if (SetFileUser(Nobody) != user)
                throw new UnauthorizedAccessException($"root may not act as the user {new SystemUser(user).Name} here");
            KeepSearching();
            return work();
        }
        finally
        {
            _ = SetFileUser(0);
            _ = SetFileGroup(ownGroup);
            SetGroups(groups);
            if (SetFileUser(Nobody) != 0)
                Environment.FailFast("root could not become root again");
        }
    }

    private static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    private static unsafe void SetGroups(uint[] groups)
    {
        // The C library's own function would set them for all threads.
        fixed (uint* first = groups)
            _ = SystemCall(IsArm ? 159 : 116, groups.Length, (nint)first);
    }

    private static unsafe void KeepSearching()
    {
        var header = stackalloc uint[2] { CapabilityVersion, 0 };
        var sets = stackalloc uint[6]; // effective, permitted, inheritable, twice
        if (SystemCall(IsArm ? 90 : 125, (nint)header, (nint)sets) != 0)
            return;
        sets[0] |= ReadAndSearch & sets[1];
        _ = SystemCall(IsArm ? 91 : 126, (nint)header, (nint)sets);
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial uint SetFileUser(uint user);

    [LibraryImport("libc", EntryPoint = "setfsgid")]
    private static partial uint SetFileGroup(uint group);

    [LibraryImport("libc", EntryPoint = "getgroups")]
    private static partial int GetGroups(int size, [Out] uint[]? groups);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, nint first, nint second);
}
