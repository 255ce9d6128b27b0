using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Runbook;

/// <summary>[E] of the flowchart: the store can't be used, or the database may not be read. Pure.</summary>
internal static class RefusedAccess
{
    public static Finding? Find(Observation seen, Commands commands)
    {
        if (seen.IsBlind)
            return new Finding(Cause.Permission, DiagnosisTexts.Blind(seen), [commands.As(seen.OtherOwner!.Value, "diagnose", seen.Source)]);
        if (seen.State.IsEmptied)
            return new Finding(Cause.Permission, DiagnosisTexts.Emptied(seen), OfEmptied(seen, commands));
        if (OfStore(seen) is { } store)
            return new Finding(Cause.Permission, Bilingual.Quoted(store.Message), Next(store.Kind, seen, commands));
        if (seen.SourceFailure is { Kind: FailureKind.Permission } refused)
            return new Finding(Cause.Permission, Bilingual.Quoted($"{refused.Message}; {refused.Hint}"), OfDatabase(seen, commands));
        return seen.State.LastFailure is { Kind: FailureKind.Permission or FailureKind.StoreUnavailable } last && !LastFailure.IsOver(seen)
            ? new Finding(Cause.Permission, DiagnosisTexts.LastRun(last), [Commands.On(seen.Directory, "ls", "-la"), commands.Backup(seen.Source)]) { IsPast = true }
            : null;
    }

    private static BackupException? OfStore(Observation seen) => ((BackupException?[])[seen.Store.Failure, seen.State.ListFailure, seen.WriteFailure, seen.ReadBack?.Failure])
        .FirstOrDefault(failure => failure?.Kind is FailureKind.Permission or FailureKind.StoreUnavailable);

    private static string[] Next(FailureKind kind, Observation seen, Commands commands) => kind == FailureKind.StoreUnavailable
        ? [Commands.On(seen.Store.Path, "findmnt", "-T"), Commands.On(seen.Store.Path, "ls", "-ld"), commands.Backup(seen.Source)]
        : [Commands.On(Refused(seen), "ls", "-la"), Commands.On(Refused(seen), "sudo", "chown", "-R", seen.AgentUser), Commands.On(Refused(seen), "sudo", "chmod", "u+rwx"), commands.Backup(seen.Source)];

    /// <summary>The store as a whole, or else the source's directory in it.</summary>
    private static string Refused(Observation seen) => seen.Store.Failure is null ? seen.Directory : seen.Store.Path;

    /// <summary>First the operator finds out whether the disk is mounted: what is stored on the bare mount point would lie hidden below it.</summary>
    private static string[] OfEmptied(Observation seen, Commands commands) =>
        [Commands.On(seen.Store.Path, "findmnt", "-T"), Commands.On(seen.Store.Path, "ls", "-la"), commands.Of("list", seen.Source), commands.Backup(seen.Source)];

    /// <summary>The application decides who owns its database: the operator only looks.</summary>
    private static string[] OfDatabase(Observation seen, Commands commands) =>
        [.. seen.Ask(SourceQuestion.WhoMayReachIt), commands.Backup(seen.Source)];
}
