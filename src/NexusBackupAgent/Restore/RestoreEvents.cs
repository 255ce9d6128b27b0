using NexusBackupAgent.Catalog;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Restore;

/// <summary>Told while a restore runs, in order and in place: the restore waits until they return.</summary>
/// <param name="Step">A step begins.</param>
/// <param name="Progress">Bytes of the artifact that have been read, of how many.</param>
/// <param name="ReadBack">A backup was read back, and what that showed is recorded beside it.</param>
/// <param name="PassedOver">A backup is not restored, and why; an older one is tried.</param>
internal sealed record RestoreEvents(Action<RestoreStep> Step, Action<long, long> Progress, Action<Backup> ReadBack, Action<RestoreCandidate> PassedOver);
