using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NexusBackupAgent.Platform;

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
