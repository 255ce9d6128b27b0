using NexusBackupAgent.Catalog;
using NexusBackupAgent.Retention;

namespace NexusBackupAgent.Documents;

/// <summary>A retention decision as <c>prune --json</c> prints it.</summary>
/// <param name="Action"><c>keep</c> or <c>remove</c>.</param>
/// <param name="Removed">Whether it was removed; false for every backup of a dry run.</param>
internal sealed record DecisionDocument(string Source, string Id, string Schedule, string CapturedAt, string File, string Action, bool Removed, IReadOnlyList<string> Reasons)
{
    public static DecisionDocument Of(BackupCatalog catalog, RetentionDecision decision, bool removed) => new(
        decision.Backup.Source,
        decision.Backup.Id.Value,
        decision.Backup.Schedule,
        JsonTime.Utc(decision.Backup.CapturedAt),
        catalog.Locate(decision.Backup.File),
        decision.Keep ? "keep" : "remove",
        removed,
        decision.Reasons);
}
