using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>[E] of the flowchart: the store can't be used, or the source may not be read. Pure.</summary>
internal static class RefusedAccess
{
    public static Finding? Find(Observation seen, Commands commands)
    {
        if (seen.IsBlind)
            return new Finding(Cause.Permission, DiagnosisTexts.Blind(seen.Agent, seen.User, seen.Refusal!), [commands.As(seen.Agent.OtherOwner!.Value, "diagnose", seen.Source)]);
        if (seen.State.IsEmptied)
            return new Finding(Cause.Permission, DiagnosisTexts.Emptied(seen), OfEmptied(seen, commands));
        if (OfStore(seen) is { } store)
            return new Finding(Cause.Permission, Bilingual.Quoted(store.Message), Next(store.Kind, seen, commands));
        if (seen.SourceFailure is { } refused && IsOfStorage(refused.Kind))
            return new Finding(Cause.Permission, Bilingual.Quoted($"{refused.Message}; {refused.Hint}"), OfSource(refused.Kind, seen, commands));
        return seen.State.LastFailure is { } last && IsOfStorage(last.Kind) && !LastFailure.IsOver(seen)
            ? new Finding(Cause.Permission, DiagnosisTexts.LastRun(last, seen), [.. seen.AskDirectory(StoreQuestion.WhatIsThere), commands.Backup(seen.Source)]) { IsPast = true }
            : null;
    }

    private static BackupException? OfStore(Observation seen) => ((BackupException?[])[seen.Store.Failure, seen.State.ListFailure, seen.WriteFailure, seen.ReadBack?.Failure])
        .FirstOrDefault(failure => failure is not null && IsOfStorage(failure.Kind));

    /// <summary>Refused, not there, or out of reach.</summary>
    private static bool IsOfStorage(FailureKind kind) => kind is FailureKind.Permission or FailureKind.StoreUnavailable or FailureKind.Network;

    /// <summary>Refused is the store as a whole, or else the source's directory in it.</summary>
    private static string[] Next(FailureKind kind, Observation seen, Commands commands)
    {
        if (kind != FailureKind.Permission)
            return [.. seen.AskStore(StoreQuestion.WhichDisk), .. seen.AskStore(StoreQuestion.WhoseIsIt), .. FurtherStores.Accept(seen.Store), commands.Backup(seen.Source)];
        return seen.Store.Failure is null
            ? [.. seen.AskDirectory(StoreQuestion.WhatIsThere), .. seen.StoreInspection.Handover(seen.PathInStore, seen.AgentUser), commands.Backup(seen.Source)]
            : [.. seen.AskStore(StoreQuestion.WhatIsThere), .. seen.StoreInspection.Handover("", seen.AgentUser), commands.Backup(seen.Source)];
    }

    /// <summary>First the operator finds out whether the disk is mounted: what is stored on the bare mount point would lie hidden below it. Before another disk is accepted, nothing is written there.</summary>
    private static string[] OfEmptied(Observation seen, Commands commands) =>
        [.. seen.AskStore(StoreQuestion.WhichDisk), .. seen.AskStore(StoreQuestion.WhatIsThere), commands.Of("list", seen.Source), .. FurtherStores.Accept(seen.Store), .. seen.CanReturn ? [commands.Copy(seen.Source)] : (string[])[], commands.Backup(seen.Source)];

    /// <summary>The application decides who owns its data: the operator only looks. What else a capture needs, and does not find, is in the configuration.</summary>
    private static string[] OfSource(FailureKind kind, Observation seen, Commands commands) =>
        [.. kind == FailureKind.Permission ? seen.Ask(SourceQuestion.WhoMayReachIt) : [commands.CheckConfig()], commands.Backup(seen.Source)];
}
