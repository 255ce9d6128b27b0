using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Stores;

/// <summary>Whether nothing at all lies in a store, as on a mount point without its disk.</summary>
internal static class BareStore
{
    /// <returns>False when it can't be looked at.</returns>
    public static bool Is(IBackupStore store)
    {
        try
        {
            return !Directory.EnumerateFileSystemEntries(store.Locate("")).Any();
        }
        catch (Exception failure) when (IoFailure.IsKnown(failure))
        {
            return false;
        }
    }
}
