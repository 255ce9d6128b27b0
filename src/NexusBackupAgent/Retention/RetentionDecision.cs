using NexusBackupAgent.Catalog;

namespace NexusBackupAgent.Retention;

/// <summary>Keep or remove one backup, and why.</summary>
/// <param name="Backup">The backup decided on.</param>
/// <param name="Keep">False: it may be removed.</param>
/// <param name="Reasons">At least one, in words for an operator; every rule that asks to keep it is named.</param>
internal sealed record RetentionDecision(Backup Backup, bool Keep, IReadOnlyList<string> Reasons);
