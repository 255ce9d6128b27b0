using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>What was restored.</summary>
/// <param name="Backup">From what, and why that one.</param>
/// <param name="Place">What is in place now, and what became of the old one.</param>
/// <param name="Took">From the choice to the service's answer.</param>
/// <param name="Problem">What failed after the restored one was in place; null when all is well.</param>
internal sealed record RestoreOutcome(RestoreCandidate Backup, RestoredPlace Place, TimeSpan Took, BackupException? Problem);
