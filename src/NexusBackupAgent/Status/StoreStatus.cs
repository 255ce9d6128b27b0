using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Status;

/// <summary>How one store is at one instant.</summary>
/// <param name="Name">The store.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Space">Null when it can't be asked.</param>
/// <param name="Failure">Why it can't be used, or not be written although it can be asked; null when nothing is wrong.</param>
internal sealed record StoreStatus(string Name, string Path, StoreSpace? Space, BackupException? Failure)
{
    public EscalationLevel Level => Escalation.OfStore(Failure is null, Space?.UsedRatio)?.Level ?? EscalationLevel.Ok;

    /// <summary>Whether nothing at all lies in a store, as on a mount point without its disk; false when it can't be looked at.</summary>
    public static bool IsBare(IBackupStore store)
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

    public static StoreStatus Read(IBackupStore store)
    {
        StoreSpace? space = null;
        try
        {
            space = store.GetSpace();
            store.RequireWritable();
            return new StoreStatus(store.Name, store.Locate(""), space, Failure: null);
        }
        catch (BackupException failure)
        {
            return new StoreStatus(store.Name, store.Locate(""), space, failure);
        }
    }
}
