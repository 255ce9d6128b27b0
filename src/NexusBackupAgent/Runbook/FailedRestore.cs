using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;

namespace NexusBackupAgent.Runbook;

/// <summary>
/// DB接続エラー of the flowchart: a restore over the live database failed or died, and nothing has proved since what lies there.
/// The database may be whole, and written to since; so it is looked at and backed up, and only a damaged one is replaced. Pure.
/// </summary>
internal static class FailedRestore
{
    public static Finding? Find(Observation seen, Commands commands) => seen.Status.FailedRestore is { } failed
        ? new Finding(Cause.Database, Evidence(failed, seen.Zone), Next(seen, commands))
        : null;

    /// <summary>What happened, and when.</summary>
    public static Bilingual Evidence(Operation failed, TimeZoneInfo zone)
    {
        var at = Values.Minute(failed.EndedAt ?? failed.StartedAt, zone);
        var why = failed.Failure!.Message;
        return failed.Failure.Kind == FailureKind.Died
            ? new($"the restore over the live database was interrupted, begun {at}: {why}; no good backup since", $"稼働中のDBへのリストアが中断（{at} 開始）: 「{why}」（以後の正常バックアップなし）")
            : new($"the restore over the live database failed at {at}: {why}; no good backup since", $"稼働中のDBへのリストアが {at} に失敗: 「{why}」（以後の正常バックアップなし）");
    }

    /// <summary>The same order in one sentence, for the screen that has one line for it.</summary>
    /// <param name="source">Its name.</param>
    /// <param name="database">Where it lies; null when that is not known, or nothing lies there.</param>
    /// <param name="commands">As they are typed.</param>
    public static string Words(string source, string? database, Commands commands) => database is null
        ? commands.Of("diagnose", source)
        : $"does its service run ({InUse(database)}), is the database whole ({Check(database)})? If it is: {commands.Backup(source)} (its good backup ends this); only if it is damaged: {commands.RestoreDryRun(source)}, then {commands.RestoreOverLive(source)}";

    /// <summary>Whoever pastes them one by one reads in the line itself when it is not for them.</summary>
    private static IReadOnlyList<string> Next(Observation seen, Commands commands)
    {
        string[] look = seen.Database is { } path ? [$"{InUse(path)}   # does its service run? the restore may have stopped it", Check(path)] : [];
        string[] replace = seen.CanRestore
            ? [$"{commands.RestoreDryRun(seen.Source)}   # only if the database is damaged", $"{commands.RestoreOverLive(seen.Source)}   # only if the database is damaged"]
            : [commands.Of("list", seen.Source)];
        return [.. look, $"{commands.Backup(seen.Source)}   # if the database is whole: its good backup ends this", .. replace];
    }

    private static string InUse(string database) => Commands.On(database, "sudo", "fuser", "-v");

    private static string Check(string database) => $"{Commands.On(database, "sqlite3")} 'PRAGMA integrity_check'";
}
