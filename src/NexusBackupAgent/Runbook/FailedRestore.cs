using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Operations;
using NexusBackupAgent.Sources;

namespace NexusBackupAgent.Runbook;

/// <summary>
/// DB接続エラー of the flowchart: a restore over the live source failed or died, and no good backup proves what lies there now.
/// What is there may be whole and its service may have written to it: the operator looks, backs it up, and replaces only a damaged one. Pure.
/// </summary>
internal static class FailedRestore
{
    public static Finding? Find(Observation seen, Commands commands) => seen.State.FailedRestore is { } failed
        ? new Finding(Cause.Database, Evidence(seen.Noun, failed, seen.Zone), Next(seen, commands))
        : null;

    /// <summary>What happened, and when.</summary>
    public static Bilingual Evidence(Bilingual noun, Operation failed, TimeZoneInfo zone)
    {
        var at = ValueText.Minute(failed.EndedAt ?? failed.StartedAt, zone);
        var why = failed.Failure!.Message;
        return failed.Failure.Kind == FailureKind.Died
            ? new($"the restore over the live {noun.English} was interrupted, begun {at}: {why}; no good backup since", $"稼働中の{noun.Japanese}へのリストアが中断（{at} 開始）: 「{why}」（以後の正常バックアップなし）")
            : new($"the restore over the live {noun.English} failed at {at}: {why}; no good backup since", $"稼働中の{noun.Japanese}へのリストアが {at} に失敗: 「{why}」（以後の正常バックアップなし）");
    }

    /// <summary>The same order in one sentence, for the screen that has one line for it.</summary>
    public static string InOneSentence(ProtectedSource live, Commands commands)
    {
        var (source, inspection) = (live.Name, live.Source.Inspection);
        if (!live.IsThere())
            return commands.Of("diagnose", source);
        var (use, check) = (inspection.CommandFor(SourceQuestion.WhoUsesIt), inspection.CommandFor(SourceQuestion.IsItWhole));
        return $"does its service run{InBrackets(use)}, is the {live.Source.Noun.English} whole{InBrackets(check)}? If it is: {commands.Backup(source)} (its good backup ends this); only if it is damaged: {commands.RestoreDryRun(source)}, then {commands.RestoreOverLive(source)}";
    }

    /// <summary>Each line itself says when it is not to be pasted.</summary>
    private static IReadOnlyList<string> Next(Observation seen, Commands commands)
    {
        string[] replace = seen.CanRestore
            ? [$"{commands.RestoreDryRun(seen.Source)}   # only if the {seen.Noun.English} is damaged", $"{commands.RestoreOverLive(seen.Source)}   # only if the {seen.Noun.English} is damaged"]
            : [commands.Of("list", seen.Source)];
        return
        [
            .. seen.Ask(SourceQuestion.WhoUsesIt).Select(command => $"{command}   # does its service run? the restore may have stopped it"),
            .. seen.Ask(SourceQuestion.IsItWhole),
            $"{commands.Backup(seen.Source)}   # if the {seen.Noun.English} is whole: its good backup ends this",
            .. replace,
        ];
    }

    private static string InBrackets(string? command) => command is null ? "" : $" ({command})";
}
