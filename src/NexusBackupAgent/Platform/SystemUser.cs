using System.Globalization;
using System.Runtime.InteropServices;
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

    /// <summary>Lets this process act as another user from now on, with that one's groups and nothing of root's.</summary>
    /// <param name="instead">What to run where this process may not.</param>
    /// <exception cref="BackupException">There is no such user, or this process is not root's.</exception>
    public static void ActAs(string name, string instead)
    {
        uint id, group;
        lock (Gate)
        {
            var entry = Getpwnam(name);
            if (entry == 0)
                throw new BackupException(FailureKind.Configuration, $"there is no user '{name}'", "name one that getent passwd shows");
            // struct passwd: name, password, user, group.
            (id, group) = ((uint)Marshal.ReadInt32(entry, 2 * nint.Size), (uint)Marshal.ReadInt32(entry, (2 * nint.Size) + sizeof(uint)));
        }

        if (id == Current.Id)
            return;
        if (!Current.IsRoot || Initgroups(name, group) != 0 || Setegid(group) != 0 || Seteuid(id) != 0)
            throw new BackupException(FailureKind.Configuration, $"user {Current.Name} may not act as '{name}'", instead);
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
