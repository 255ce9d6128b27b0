using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>[C] and [E] of the flowchart, asked of the stores that get copies: one that is away, is another one, or is full. Pure.</summary>
internal static class FurtherStores
{
    /// <returns>The gravest first; none of a disk that asks for a look alone (<see cref="EscalationLevel.L1"/>).</returns>
    public static IEnumerable<Finding> Find(Observation seen, Commands commands) =>
        from copy in seen.State.Copies
        let reason = ReasonOf(copy, seen)
        where reason is { Level: >= EscalationLevel.L2 }
        orderby reason.Cause == EscalationCause.StorageFull
        select reason.Cause == EscalationCause.StorageFull
            ? new Finding(Cause.Disk, reason.Reason, [.. Ask(copy, StoreQuestion.HowFull), commands.Of("list", seen.Source, "--store", copy.Name), commands.Copy(seen.Source)])
            : new Finding(Cause.Permission, reason.Reason, [.. Ask(copy, StoreQuestion.WhichDisk), .. Accept(copy.Store), commands.Copy(seen.Source)]);

    /// <summary>One for each store, in the order of the configuration.</summary>
    public static IEnumerable<Step> Steps(Observation seen) =>
        seen.State.Copies.Select(copy => ReasonOf(copy, seen) is { } reason
            ? new Step("3S", DiagnosisTexts.IsTheFurtherStoreThere(copy.Name), Passed: reason.Level < EscalationLevel.L2, reason.Reason)
            : new Step("3S", DiagnosisTexts.IsTheFurtherStoreThere(copy.Name), Passed: true, DiagnosisTexts.FurtherStore(copy.Store)));

    /// <summary>What makes a store that is another one the right one; the line itself says when it is not to be pasted. None where it is the right one.</summary>
    public static IEnumerable<string> Accept(StoreStatus store) => store.Acceptance is { } command ? [$"{command}   # only if what lies there now is to be store {store.Name} from now on"] : [];

    private static EscalationReason? ReasonOf(CopyState copy, Observation seen) =>
        seen.State.Reasons.FirstOrDefault(reason => reason.FurtherStore == copy.Name && reason.Cause is EscalationCause.StoreDown or EscalationCause.StorageFull);

    private static IEnumerable<string> Ask(CopyState copy, StoreQuestion question) => copy.Catalog.Store.Inspection.CommandFor(question, "") is { } command ? [command] : [];
}
