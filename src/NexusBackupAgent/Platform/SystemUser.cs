using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Platform;

/// <summary>A user of the system, by number: in a container one need not have a name.</summary>
/// <param name="Id">The number.</param>
internal readonly partial record struct SystemUser(uint Id)
{
    private static readonly Lock Gate = new(); // getpwuid answers in memory of its own, which the next call overwrites

    /// <summary>Who this process acts as.</summary>
    public static SystemUser Current => new(Geteuid());

    public bool IsRoot => Id == 0;

    /// <summary>The name; the number where the system knows none. <c>chown</c> takes either.</summary>
    public string Name => NameOrNull() ?? Id.ToString(CultureInfo.InvariantCulture);

    /// <summary>As <c>sudo -u</c> takes it, which wants a sign before a number.</summary>
    public string ForSudo => NameOrNull() ?? string.Create(CultureInfo.InvariantCulture, $"#{Id}");

    /// <summary>The command that closes to others what this user has in a directory, and leaves what is somebody else's: by that the agent may get in.</summary>
    /// <param name="readers">The group that may go on reading; null: none.</param>
    public string Close(string directory, string? readers = null) =>
        $"sudo find '{directory}' -user '{Name}' ! -type l {(readers is null ? "-exec chmod go= {} +" : $"-exec chgrp '{readers}' {{}} + -exec chmod g=rX,o= {{}} +")}";

    /// <summary>Lets this process act as another user from now on, with that one's groups and nothing of root's.</summary>
    /// <param name="instead">What to run where this process may not.</param>
    /// <exception cref="BackupException">There is no such user, or this process is not root's.</exception>
    public static void ActAs(string name, string instead)
    {
        var (id, group) = Find(name) ?? throw new BackupException(FailureKind.Configuration, $"there is no user '{name}'", "name one that getent passwd shows");
        if (id == Current.Id)
            return;
        if (!Current.IsRoot || Initgroups(name, group) != 0 || Setegid(group) != 0 || Seteuid(id) != 0)
            throw new BackupException(FailureKind.Configuration, $"user {Current.Name} may not act as '{name}'", instead);
    }

    /// <summary>The numbers of a user and its group; null where there is no such one.</summary>
    public static (uint Id, uint Group)? Find(string name)
    {
        lock (Gate)
        {
            var entry = Getpwnam(name);
            // struct passwd: name, password, user, group.
            return entry == 0 ? null : ((uint)Marshal.ReadInt32(entry, 2 * nint.Size), (uint)Marshal.ReadInt32(entry, (2 * nint.Size) + sizeof(uint)));
        }
    }

    private string? NameOrNull()
    {
        lock (Gate)
        {
            // struct passwd begins with the name everywhere.
            var entry = Getpwuid(Id);
            return entry == 0 ? null : Marshal.PtrToStringUTF8(Marshal.ReadIntPtr(entry)) is { Length: > 0 } name ? name : null;
        }
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint Geteuid();

    [LibraryImport("libc", EntryPoint = "getpwnam", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Getpwnam(string name);

    [LibraryImport("libc", EntryPoint = "initgroups", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Initgroups(string name, uint group);

    // The C library sets them in every thread.
    [LibraryImport("libc", EntryPoint = "setegid")]
    private static partial int Setegid(uint group);

    [LibraryImport("libc", EntryPoint = "seteuid")]
    private static partial int Seteuid(uint user);

    [LibraryImport("libc", EntryPoint = "getpwuid")]
    private static partial nint Getpwuid(uint id);
}

/// <summary>A group of the system, by number: in a container one need not have a name.</summary>
/// <param name="Id">The number.</param>
internal readonly partial record struct SystemGroup(uint Id)
{
    private const uint Nobody = uint.MaxValue; // chown(2): leave it as it is

    private static readonly Lock Gate = new(); // getgrgid answers in memory of its own, which the next call overwrites

    /// <summary>The name; the number where the system knows none. <c>chown</c> takes either.</summary>
    public string Name => NameOrNull() ?? Id.ToString(CultureInfo.InvariantCulture);

    /// <summary>The group of a name or number as an operator writes it.</summary>
    /// <returns>Null where the system knows none of that name.</returns>
    public static SystemGroup? Find(string text)
    {
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            return new SystemGroup(id);
        lock (Gate)
        {
            // struct group: name, password, number.
            var entry = Getgrnam(text);
            return entry == 0 ? null : new SystemGroup((uint)Marshal.ReadInt32(entry, 2 * nint.Size));
        }
    }

    /// <summary>Whether this process may give its files to it.</summary>
    public bool IsMine => FileOwner.CanGiveTo(this);

    /// <summary>Whether its members may list a directory and open what is in it, if they are nobody else.</summary>
    public bool MayLookInto(FileStatus directory) => directory.Mode.HasFlag(
        directory.Group == Id ? UnixFileMode.GroupRead | UnixFileMode.GroupExecute : UnixFileMode.OtherRead | UnixFileMode.OtherExecute);

    /// <summary>Lets the group have an open file, in the place of the group that it has.</summary>
    /// <returns>Whether that went: root may, others only for a group of theirs.</returns>
    public bool TryTake(SafeFileHandle file) => ChangeOwner(file, Nobody, Id) == 0;

    /// <summary>The same of a directory; of a link, itself.</summary>
    public bool TryTake(string directory) => ChangeLinkOwner(directory, Nobody, Id) == 0;

    private string? NameOrNull()
    {
        lock (Gate)
        {
            // struct group begins with the name everywhere.
            var entry = Getgrgid(Id);
            return entry == 0 ? null : Marshal.PtrToStringUTF8(Marshal.ReadIntPtr(entry)) is { Length: > 0 } name ? name : null;
        }
    }

    [LibraryImport("libc", EntryPoint = "getgrnam", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Getgrnam(string name);

    [LibraryImport("libc", EntryPoint = "fchown")]
    private static partial int ChangeOwner(SafeFileHandle file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "lchown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeLinkOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "getgrgid")]
    private static partial nint Getgrgid(uint id);
}

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
