using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Runbook;

/// <summary>DB接続エラー of the flowchart: the source itself is missing, damaged, not what it should be, or locked too long; or a restore over it failed. Pure.</summary>
internal static class SourceTrouble
{
    public static Finding? Find(Observation seen, Commands commands)
    {
        if (seen.SourceFailure is { } now && now.Kind.Class() == FailureClass.Database)
            return new Finding(Cause.Database, Bilingual.Quoted(seen.Inspection.IsServed ? $"{now.Message}; {now.Hint}" : now.Message), Next(now.Kind, seen, commands));
        var failed = seen.State.FailedRestore;
        if (!seen.IsRestored && seen.ReadBack is { Failure: null, Backup: { State: BackupState.Corrupt or BackupState.Quarantined } captured } && IsDamageOfSource(captured) && !(failed?.EndedAt > captured.CapturedAt))
            return new Finding(Cause.Database, DiagnosisTexts.CapturedDamage(seen, captured), Next(FailureKind.SourceCorrupt, seen, commands));

        // It may open now, but its check looks deeper. And no run has met what a restore left since.
        return seen.State.LastFailure is { } last && last.Kind.Class() == FailureClass.Database && !LastFailure.IsOver(seen) && !(failed?.EndedAt > seen.State.Activity?.LastRunAt)
            ? new Finding(Cause.Database, DiagnosisTexts.LastRun(last, seen), Next(last.Kind, seen, commands)) { IsPast = true }
            : FailedRestore.Find(seen, commands);
    }

    /// <summary>The backup is what was captured, and what was captured is damaged: this is no checksum mismatch, and another backup would not mend it.</summary>
    public static bool IsDamageOfSource(Backup backup) =>
        backup.ShowsCorruptSource && backup.ActualLength == backup.Manifest.Stored.Length;

    /// <summary>The plan first. The backup proves that all is well again.</summary>
    private static IReadOnlyList<string> Restore(Observation seen, Commands commands) =>
        [commands.RestoreDryRun(seen.Source), commands.RestoreOverLive(seen.Source), commands.Backup(seen.Source)];

    private static IReadOnlyList<string> Next(FailureKind kind, Observation seen, Commands commands) => kind switch
    {
        _ when seen.HeldDeleted is { } held => [held.Rescue, .. seen.Ask(SourceQuestion.WhatIsThere), .. seen.CanRestore ? [commands.RestoreDryRun(seen.Source)] : (string[])[]],
        FailureKind.SourceUnreachable => [.. seen.Ask(SourceQuestion.DoesItsServerAnswer), .. seen.Ask(SourceQuestion.WhatSaysItsServer), commands.Backup(seen.Source)],
        FailureKind.SourceRefused => [.. seen.Ask(SourceQuestion.WhoMayReachIt), commands.CheckConfig(), commands.Backup(seen.Source)],
        FailureKind.SourceInvalid when seen.Inspection.IsServed => [commands.CheckConfig(), .. seen.Ask(SourceQuestion.WhatIsThere), commands.Backup(seen.Source)],
        FailureKind.SourceMissing or FailureKind.SourceInvalid or FailureKind.SourceCorrupt when !seen.CanRestore =>
            [.. seen.Ask(SourceQuestion.WhatIsThere), .. seen.SafetyCopies.Take(1).Select(seen.Inspection.CheckCommand), commands.Of("list", seen.Source)],
        FailureKind.SourceBusy => [.. seen.Ask(SourceQuestion.WhoUsesIt), commands.Backup(seen.Source)],
        FailureKind.SourceMissing => [.. seen.Ask(SourceQuestion.WhatIsThere), .. seen.Ask(SourceQuestion.WhichDisk), .. Restore(seen, commands)],
        _ => [.. seen.Ask(SourceQuestion.IsItWhole), .. Restore(seen, commands)],
    };
}
