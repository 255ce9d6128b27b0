using System.Globalization;
using System.Runtime.InteropServices;

namespace NexusBackupAgent.Platform;

/// <summary>A group of the system, by number: in a container one need not have a name.</summary>
/// <param name="Id">The number.</param>
internal readonly partial record struct SystemGroup(uint Id)
{
    private static readonly Lock Gate = new(); // getgrgid answers in memory of its own, which the next call overwrites

    /// <summary>The name; the number where the system knows none. <c>chown</c> takes either.</summary>
    public string Name => NameOrNull() ?? Id.ToString(CultureInfo.InvariantCulture);

    private string? NameOrNull()
    {
        lock (Gate)
        {
            // struct group begins with the name everywhere.
            var entry = Getgrgid(Id);
            return entry == 0 ? null : Marshal.PtrToStringUTF8(Marshal.ReadIntPtr(entry)) is { Length: > 0 } name ? name : null;
        }
    }

    [LibraryImport("libc", EntryPoint = "getgrgid")]
    private static partial nint Getgrgid(uint id);
}
