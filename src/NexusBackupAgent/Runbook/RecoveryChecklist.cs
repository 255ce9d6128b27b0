using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>The checks of the runbook's §6, by their numbers there.</summary>
internal enum RecoveryCheck
{
    Service = 1,
    NewestBackup = 2,
    Gzip = 3,
    Checksum = 4,
    DatabaseIntegrity = 5,
    Disk = 6,
    Scheduler = 7,
}

/// <param name="Check">Which.</param>
/// <param name="Passed">Whether it meets the runbook's criterion.</param>
/// <param name="Measured">What was measured.</param>
/// <param name="Next">The next command; null when it passed.</param>
internal sealed record CheckedItem(RecoveryCheck Check, bool Passed, Bilingual Measured, string? Next);

/// <summary>Decides the runbook's recovery checklist (§6). Pure.</summary>
internal static class RecoveryChecklist
{
    /// <returns>All seven, in the runbook's order.</returns>
    public static IReadOnlyList<CheckedItem> Decide(Observation seen, Commands commands)
    {
        var (source, isUp) = (seen.State.Name, seen.Agent.StartsSchedules);
        var restart = !seen.Agent.IsExpected ? Commands.Timers : seen.Agent.IsRunning ? commands.RestartAgent() : commands.StartAgent();
        var hasRoom = Escalation.OfStore(seen.Store.Failure is null, seen.Store.Space?.UsedRatio) is null;
        var further = seen.State.Reasons.FirstOrDefault(reason => reason.FurtherStore is not null);
        return
        [
            Item(RecoveryCheck.Service, isUp, ChecklistTexts.Service(seen), restart),
            Item(RecoveryCheck.NewestBackup, (seen.IsFresh || seen is { Agent.RestoresOnly: true, State.NewestGood: not null }) && seen is { State: { CountedFailure: null, FailedRestore: null } } && NotReplaced(seen) is null, ChecklistTexts.Newest(seen), NextOfNewest(seen, commands)),
            OfContent(seen, RecoveryCheck.Gzip, VerificationCheck.Encoding, commands),
            OfContent(seen, RecoveryCheck.Checksum, VerificationCheck.Checksum, commands),
            OfContent(seen, RecoveryCheck.DatabaseIntegrity, VerificationCheck.Integrity, commands),
            hasRoom && further is not null
                ? Item(RecoveryCheck.Disk, passed: false, further.Reason, NextCommand.For(further, seen, commands)!)
                : Item(RecoveryCheck.Disk, hasRoom, ChecklistTexts.Disk(seen.Store), seen.Store.Failure is null ? commands.PruneDryRun(source) : MendOfStore(seen, commands)),
            Item(RecoveryCheck.Scheduler, seen.Agent.RestoresOnly || (isUp && seen is { WouldFail: null, State: { NextRun: not null, Late: null } }), ChecklistTexts.Scheduler(seen), NextOfScheduler(seen, isUp, restart, commands)),
        ];
    }

    /// <summary>What follows once all passed, where the configuration is there to restore with; null where nothing has to.</summary>
    public static Bilingual? Then(Observation seen, Commands commands) => seen switch
    {
        { Agent.RestoresOnly: false } => null,
        { SourceFailure: null } => DiagnosisTexts.ProtectAgain(seen),
        _ => Bilingual.Same(seen.State.NewestGood is { IsEncrypted: true } ? commands.RestoreDryRunWithKey(seen.Source) : commands.RestoreDryRun(seen.Source)),
    };

    /// <summary>The newest backup that was set aside, or lost what it builds on, when nothing good is newer.</summary>
    public static Backup? NotReplaced(Observation seen) => seen.State.Backups.FirstOrDefault(
        backup => backup.State == BackupState.Quarantined && !backup.IsFromTheFuture(seen.Now) && !(seen.State.NewestGood?.CapturedAt > backup.CapturedAt));

    private static string NextOfNewest(Observation seen, Commands commands)
    {
        if (seen.State.IsUnreadable)
            return MendOfStore(seen, commands);
        if (seen.State.IsEmptied)
            return MendOfStore(seen, commands);
        if (seen.State.FailedRestore is not null)
            return commands.Of("diagnose", seen.Source); // whether to back up or to restore, nothing here tells
        var wouldSucceed = seen.WouldFail is null && (seen.State.CountedFailure is null || LastFailure.IsOver(seen));
        return wouldSucceed ? commands.Backup(seen.Source) : OfDiagnosis(seen, commands);
    }

    /// <summary>If a run would fail, the operator mends that first.</summary>
    private static string NextOfScheduler(Observation seen, bool isUp, string restart, Commands commands) => seen switch
    {
        _ when !isUp => restart,
        { WouldFail: not null } => OfDiagnosis(seen, commands),
        { State.NextRun: null } => commands.CheckConfig(),
        _ => restart,
    };

    private static CheckedItem OfContent(Observation seen, RecoveryCheck check, VerificationCheck stored, Commands commands)
    {
        var source = seen.State.Name;
        if (seen.State.IsUnreadable)
            return Item(check, passed: false, ValueText.Unreadable, MendOfStore(seen, commands));
        if (seen.ReadBack is not { } read)
            return Item(check, passed: false, seen.Store.IsAnother ? ValueText.NotHere : ChecklistTexts.NoBackup, seen.State.IsEmptied ? MendOfStore(seen, commands) : commands.Backup(source));
        if (read.Failure is { } failure)
            return Item(check, passed: false, ChecklistTexts.NotReadBack(failure), commands.Of("verify", source));
        if (read.Backup.HasBrokenChain)
            return Item(check, passed: false, DiagnosisTexts.Reading(read), commands.Backup(source));
        var result = read.Backup.Verification?.Checks.FirstOrDefault(candidate => candidate.Check == stored);
        var passed = result?.Passed ?? (read.Backup is { IsEncrypted: true, IsCheckedInside: true }); // nobody opened it, and it was checked before
        return Item(check, passed, ChecklistTexts.Content(seen, check, read, result), commands.Backup(source));
    }

    /// <summary>What a diagnosis asks for first.</summary>
    private static string MendOfStore(Observation seen, Commands commands) => RefusedAccess.Find(seen, commands)?.Next[0] ?? commands.CheckConfig();

    /// <summary>The diagnosis names a command; the hint of a failure would be an English sentence.</summary>
    private static string OfDiagnosis(Observation seen, Commands commands) => Flowchart.Walk(seen, commands).Next is [var first, ..] ? first : commands.Backup(seen.Source);

    private static CheckedItem Item(RecoveryCheck check, bool passed, Bilingual measured, string next) => new(check, passed, measured, passed ? null : next);
}
