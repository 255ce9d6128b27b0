using NexusBackupAgent.Catalog;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Operations;

/// <summary>What a successful run did.</summary>
/// <param name="Backup">The new backup; its state is good.</param>
/// <param name="Decisions">What retention decided.</param>
/// <param name="Stages">How long each part took.</param>
internal sealed record BackupOutcome(
    Backup Backup, IReadOnlyList<RetentionDecision> Decisions, IReadOnlyDictionary<RunStage, TimeSpan> Stages)
{
    /// <summary>Why the backup is full though a differential or incremental one was asked for; null when it is what was asked for.</summary>
    public string? FullBecause { get; init; }

    public StageSeconds Seconds => new(Stages[RunStage.Capture].TotalSeconds, Stages[RunStage.Verify].TotalSeconds, Stages[RunStage.Prune].TotalSeconds);
}
