using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Platform;

namespace NexusBackupAgent.Restore;

/// <summary>What was restored.</summary>
/// <param name="Backup">From what, and why that one.</param>
/// <param name="Target">The file that is in place now.</param>
/// <param name="Owner">Owner, group and mode that it has: the old one's, or a new file's.</param>
/// <param name="SafetyCopy">The old one; null when there was none.</param>
/// <param name="SetAside">Files of the old one that lie beside the safety copy and belong to it, because they are not merged into it.</param>
/// <param name="Took">From the choice to the service's answer.</param>
/// <param name="Problem">What failed after the restored file was in place; null when all is well.</param>
internal sealed record RestoreOutcome(
    RestoreCandidate Backup, string Target, FileOwner Owner, string? SafetyCopy, IReadOnlyList<string> SetAside, TimeSpan Took, BackupException? Problem)
{
    /// <summary>What to type where a lost database came back and its service runs as another user: whose the lost file was, nothing remembers. Null where an old file's owner was kept, or another place chosen.</summary>
    public string? Chown { get; init; }
}
