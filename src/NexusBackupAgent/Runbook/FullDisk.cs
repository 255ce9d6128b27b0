using NexusBackupAgent.Common;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>[C] of the flowchart: no room in the store, or none to expand a backup. Pure.</summary>
internal static class FullDisk
{
    public static Finding? Find(Observation seen, Commands commands)
    {
        var backup = commands.Backup(seen.Source);
        IReadOnlyList<string> inStore = [.. seen.AskStore(StoreQuestion.HowFull), commands.PruneDryRun(seen.Source), backup];
        IReadOnlyList<string> inScratch = [Commands.On(seen.Scratch, "df", "-h"), backup];
        return seen switch
        {
            { Store.Space: { UsedRatio: >= Escalation.DiskCritical } space } => new Finding(Cause.Disk, DiagnosisTexts.StoreFull(seen.Store.Path, space), inStore),
            { WriteFailure: { Kind: FailureKind.StoreFull } full } => new Finding(Cause.Disk, Bilingual.Quoted(full.Message), inStore),
            { ScratchSpace: { } space } when space.Available < seen.ScratchNeeded => new Finding(Cause.Disk, DiagnosisTexts.ScratchFull(seen.Scratch, space.Available, seen.ScratchNeeded), inScratch),
            { ReadBack.Failure: { Kind: FailureKind.StoreFull } full } => new Finding(Cause.Disk, Bilingual.Quoted(full.Message), inScratch),
            { SourceFailure: { Kind: FailureKind.StoreFull } full } => new Finding(Cause.Disk, Bilingual.Quoted(full.Message), inScratch),
            { State.LastFailure: { Kind: FailureKind.StoreFull } full } when !LastFailure.IsOver(seen) => new Finding(Cause.Disk, DiagnosisTexts.LastRun(full, seen), inStore) { IsPast = true },
            _ => null,
        };
    }
}
