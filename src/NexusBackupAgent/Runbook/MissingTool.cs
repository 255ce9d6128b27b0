using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>[F] of the flowchart, named: a program or a setting is missing that each backup needs, as a trial shows now. Pure.</summary>
internal static class MissingTool
{
    public static Finding? Find(Observation seen, Commands commands) =>
        ((BackupException?[])[seen.EncryptionFailure, seen.SourceFailure]).FirstOrDefault(failure => failure is { Kind: FailureKind.Configuration or FailureKind.Encryption }) is { } missing
            ? new Finding(Cause.Tool, Bilingual.Quoted($"{missing.Message}; {missing.Hint}"), [commands.CheckConfig(), commands.Backup(seen.Source)])
            : null;
}
