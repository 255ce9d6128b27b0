using System.Globalization;
using System.Runtime.InteropServices;

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

    [LibraryImport("libc", EntryPoint = "getpwuid")]
    private static partial nint Getpwuid(uint id);
}
