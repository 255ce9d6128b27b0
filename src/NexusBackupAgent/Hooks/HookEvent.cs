using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Hooks;

/// <summary>An operation that ended and that somebody may want to know of.</summary>
/// <param name="Operation">How it ended.</param>
/// <param name="Backup">The backup that it was done with, or made; null when there was none.</param>
/// <param name="File">Where that lies, for people; null when there was none.</param>
internal sealed record HookEvent(Operation Operation, Backup? Backup, string? File)
{
    /// <summary>How many attempts a backup took; null for what is not tried again.</summary>
    public int? Attempts { get; init; }

    /// <summary>What did not start because the source was busy, and what was stopped on purpose, is nobody's news.</summary>
    public bool IsNews => Operation.Failure?.Kind is not (FailureKind.Locked or FailureKind.Interrupted);
}
