using NexusBackupAgent.Common;

namespace NexusBackupAgent.Stores;

/// <summary>How a store is at one instant.</summary>
/// <param name="Down">Why its backups can't be reached; null when they can.</param>
/// <param name="Refusal">Why it takes no backup although it can be reached; null when it does, or when nobody can tell.</param>
/// <param name="Space">The room in it; null where it does not tell.</param>
/// <param name="IsBare">Nothing at all lies in it, as on a mount point without its disk; false when that can't be told.</param>
internal sealed record StoreHealth(BackupException? Down, BackupException? Refusal, StoreSpace? Space, bool IsBare)
{
    /// <summary>Why it can't be used, or not be written; null when nothing is wrong, as far as can be told without writing.</summary>
    public BackupException? Failure => Down ?? Refusal;
}
