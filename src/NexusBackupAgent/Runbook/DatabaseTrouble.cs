using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>DB接続エラー of the flowchart: the database itself is missing, no database, damaged, or locked too long, or a restore over it failed. Pure.</summary>
internal static class DatabaseTrouble
{
    public static Finding? Find(Observation seen, Commands commands)
    {
        if (seen.DatabaseFailure is { } now && now.Kind.Class() == FailureClass.Database)
            return new Finding(Cause.Database, Bilingual.Quoted(now.Message), Next(now.Kind, seen, commands));
        var failed = seen.Status.FailedRestore;
        if (!seen.IsRestored && seen.ReadBack is { Failure: null, Backup: { State: BackupState.Corrupt or BackupState.Quarantined } captured } && IsDamageOfSource(captured) && !(failed?.EndedAt > captured.CapturedAt))
            return new Finding(Cause.Database, DiagnosisTexts.CapturedDamage(captured), Next(FailureKind.SourceCorrupt, seen, commands));

        // It may open now, but an integrity check is more than opening. What a restore left since, no run has met.
        return seen.Status.LastFailure is { } last && last.Kind.Class() == FailureClass.Database && !LastFailure.IsOver(seen) && !(failed?.EndedAt > seen.Status.Activity?.LastRunAt)
            ? new Finding(Cause.Database, DiagnosisTexts.LastRun(last), Next(last.Kind, seen, commands)) { IsPast = true }
            : FailedRestore.Find(seen, commands);
    }

    /// <summary>Stored as it was captured, and what was captured is damaged: no checksum mismatch, and another backup would not mend it.</summary>
    public static bool IsDamageOfSource(Backup backup) =>
        backup.ShowsCorruptSource && backup.ActualLength == backup.Manifest.Stored.Length;

    /// <summary>The plan first. The backup proves that all is well again.</summary>
    private static IReadOnlyList<string> Restore(Observation seen, Commands commands) =>
        [commands.RestoreDryRun(seen.Source), commands.RestoreOverLive(seen.Source), commands.Backup(seen.Source)];

    private static IReadOnlyList<string> Next(FailureKind kind, Observation seen, Commands commands) => (kind, seen.Database) switch
    {
        (FailureKind.SourceMissing or FailureKind.SourceInvalid or FailureKind.SourceCorrupt, { } path) when !seen.CanRestore =>
            [Commands.On(Path.GetDirectoryName(path)!, "ls", "-la"), .. seen.SafetyCopies.Take(1).Select(copy => $"{Commands.On(copy, "sqlite3", "-readonly")} 'PRAGMA integrity_check'"), commands.Of("list", seen.Source)],
        (FailureKind.SourceBusy, { } path) => [Commands.On(path, "sudo", "fuser", "-v"), commands.Backup(seen.Source)],
        (FailureKind.SourceMissing, { } path) => [Commands.On(Path.GetDirectoryName(path)!, "ls", "-la"), Commands.On(Path.GetDirectoryName(path)!, "findmnt", "-T"), .. Restore(seen, commands)],
        (_, { } path) => [$"{Commands.On(path, "sqlite3")} 'PRAGMA integrity_check'", .. Restore(seen, commands)],
        _ => [commands.CheckConfig()],
    };
}
