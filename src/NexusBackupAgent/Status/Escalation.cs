using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Status;

/// <summary>Decides the level of a source, for everything that shows one. Pure.</summary>
internal static class Escalation
{
    public const double DiskWarning = 0.8;
    public const double DiskCritical = 0.9;

    /// <summary>Drills are monthly by default: the longest month, and a week of grace.</summary>
    public static readonly TimeSpan DrillOverdueAfter = TimeSpan.FromDays(40);

    /// <summary>The default time limit of a run, after which the agent should have ended it.</summary>
    public static readonly TimeSpan RunStuckAfter = TimeSpan.FromHours(6);

    /// <summary>What was set aside stays as evidence; it must not keep a level up for ever. As the alert counts.</summary>
    private static readonly TimeSpan SetAsideIsNews = TimeSpan.FromDays(1);

    /// <returns>Everything that asks for a level, the highest first; none: the source is well protected.</returns>
    public static IReadOnlyList<EscalationReason> Decide(SourceCondition source, DateTimeOffset now) =>
        [.. OfBackups(source, now).Concat(OfRuns(source, now)).Concat(OfDrill(source, now)).Append(OfRestore(source, now)).Append(OfDisk(source.DiskUsedRatio)).OfType<EscalationReason>().OrderByDescending(reason => reason.Level)];

    /// <summary>The highest level that a reason asks for.</summary>
    public static EscalationLevel Highest(IEnumerable<EscalationReason> reasons) =>
        reasons.Select(reason => reason.Level).DefaultIfEmpty(EscalationLevel.Ok).Max();

    /// <returns>Null below the warning threshold.</returns>
    public static EscalationReason? OfDisk(double? usedRatio) => usedRatio switch
    {
        >= DiskWarning and { } ratio => new(ratio >= DiskCritical ? EscalationLevel.L2 : EscalationLevel.L1, EscalationCause.StorageFull, Full(Math.Floor(ratio * 100))),
        _ => null,
    };

    /// <param name="isUp">Whether the store can be used, and written.</param>
    /// <param name="usedRatio">Of its disk, 0 to 1; null when it does not tell.</param>
    /// <returns>Null when nothing is wrong with the store.</returns>
    public static EscalationReason? OfStore(bool isUp, double? usedRatio) =>
        isUp ? OfDisk(usedRatio) : new(EscalationLevel.L2, EscalationCause.StoreDown, new("its store cannot be used or cannot be written", "格納先が使用不可または書込み不可"));

    /// <returns>None when the agent works, or none was ever started here: commands do without one.</returns>
    public static IEnumerable<EscalationReason> OfAgent(AgentCondition agent, DateTimeOffset now)
    {
        if (agent is { IsRunning: false, LastBeat: not null })
            yield return new(EscalationLevel.L2, EscalationCause.AgentDown, new("the agent is not running", "サービス（エージェント）停止中"));
        else if (agent.LastBeat is not null && agent.IsStuck(now))
            yield return new(EscalationLevel.L2, EscalationCause.SchedulerStuck, new("the agent's scheduler has stopped", "スケジューラ停止"));
        if (agent.SelfTestFailure is { } failure)
        {
            yield return new(EscalationLevel.L1, EscalationCause.SelfTestFailed, failure.Kind == FailureKind.Verification
                ? new($"the last self-test of the verification failed: {failure.Message}", $"検証機能のセルフテストが失敗: 「{failure.Message}」")
                : new($"the last self-test of the verification could not be made, which proves nothing: {failure.Message}", $"検証機能のセルフテストを実施できず（判定不能）: 「{failure.Message}」"));
        }
    }

    private static IEnumerable<EscalationReason> OfBackups(SourceCondition source, DateTimeOffset now)
    {
        if (!source.IsStoreUp || source.Backups is null)
            yield return OfStore(isUp: false, usedRatio: null)!;
        if (source.Backups is not { } backups)
            yield break;

        var corrupt = backups.Count(backup => backup.State is BackupState.Corrupt or BackupState.Quarantined);
        if (backups.Count > 0 && corrupt == backups.Count)
            yield return new(EscalationLevel.L3, EscalationCause.AllCorrupt, new(corrupt == 1 ? "its only backup is corrupt" : $"all {corrupt} backups are corrupt{(backups.Any(backup => backup.HasBrokenChain) ? ", or build on corrupt ones" : "")}", $"全バックアップ（{corrupt}件）が破損"));
        else if (OfCorrupt(backups, now) is { } ofCorrupt)
            yield return ofCorrupt;

        if (backups.FirstOrDefault(backup => backup.IsFromTheFuture(now)) is { } future)
            yield return new(EscalationLevel.L1, EscalationCause.FromFuture, new(
                $"{future.File} was captured in the future, so a clock was or is wrong; nothing is pruned. Check the time (timedatectl); if it is right now, delete that backup by hand",
                $"{future.File} の取得日時が未来（時計の異常）のため、自動削除を停止中。時刻を確認し（timedatectl）、現在正しければこのバックアップを手動で削除"));
        if (OfAge(source, backups, now) is { } ofAge)
            yield return ofAge;
        if (source.Overdue > 0)
            yield return new(EscalationLevel.L1, EscalationCause.RetentionOverdue, new($"{source.Overdue} {(source.Overdue == 1 ? "backup is" : "backups are")} past retention and not deleted", $"保持期間超過のバックアップ{source.Overdue}件が未削除"));
    }

    private static IEnumerable<EscalationReason> OfDrill(SourceCondition source, DateTimeOffset now)
    {
        if (source.HasDrillFailed)
            yield return new(EscalationLevel.L1, EscalationCause.DrillFailed, new("the last restore drill failed", "直近のリストア訓練が失敗"));
        if (now - source.LastDrillAt > DrillOverdueAfter)
            yield return new(EscalationLevel.L1, EscalationCause.DrillOverdue, new($"no restore was practised for {DrillOverdueAfter.Days} days", $"リストア訓練が{DrillOverdueAfter.Days}日以上未実施"));
    }

    /// <summary>A later restore that succeeds ends it, and so does a good backup of what is there now, or was when its store could still be read.</summary>
    private static EscalationReason? OfRestore(SourceCondition source, DateTimeOffset now) =>
        source.RestoreFailedAt is { } at && !((source.Backups is { } backups ? backups.NewestGood(now)?.CapturedAt : source.LastGoodRunAt) >= at)
            ? new(EscalationLevel.L2, EscalationCause.RestoreFailed, new("the last restore over the live database failed", "直近のリストア（稼働中のDBへの復元）が失敗"))
            : null;

    private static EscalationReason? OfCorrupt(IReadOnlyList<Backup> backups, DateTimeOffset now)
    {
        var corrupt = backups.Count(backup => backup.State == BackupState.Corrupt);
        var news = backups.Where(backup => backup.State == BackupState.Quarantined && IsNews(backup.SetAsideAt, now)).ToList();
        var setAside = news.Count(backup => backup.IsSetAside);
        var unrestorable = Unrestorable(news.Count - setAside, isAlone: corrupt + setAside == 0);
        return (corrupt, setAside) switch
        {
            (0, 0) => news.Count == 0 ? null : Corrupt(new("", "")),
            (0, 1) => Corrupt(SetAside("a backup was", 1)),
            (0, _) => Corrupt(SetAside($"{setAside} backups were", setAside)),
            (1, 0) => Corrupt(new("a backup is corrupt", "破損バックアップ1件")),
            _ => Corrupt(new($"{corrupt + setAside} backups are corrupt", $"破損バックアップ{corrupt + setAside}件")),
        };

        EscalationReason Corrupt(Bilingual text) => new(
            EscalationLevel.L1, EscalationCause.Corrupt, new(text.English + unrestorable.English, text.Japanese + unrestorable.Japanese));
    }

    /// <summary>Backups whose own files are sound, and that miss what they build on: with that one's damage they are one news.</summary>
    private static Bilingual Unrestorable(int count, bool isAlone) => (count, isAlone) switch
    {
        (0, _) => new("", ""),
        (_, true) => new($"{count} {(count == 1 ? "backup" : "backups")} can't be restored, because what {(count == 1 ? "it builds" : "they build")} on is gone", $"基となるバックアップの欠落により復元不可のバックアップ{count}件"),
        _ => new($", and {count} that {(count == 1 ? "builds" : "build")} on what is corrupt can't be restored", $"、これを基とする復元不可のバックアップ{count}件"),
    };

    /// <summary>Where nothing tells when it was, it is news until somebody looks; what is dated in the future was dated by a wrong clock.</summary>
    private static bool IsNews(DateTimeOffset? setAsideAt, DateTimeOffset now) =>
        setAsideAt is not { } at || (now >= at && now - at < SetAsideIsNews);

    private static EscalationReason? OfAge(SourceCondition source, IReadOnlyList<Backup> backups, DateTimeOffset now)
    {
        var good = backups.NewestGood(now)?.CapturedAt;
        if (good is null)
        {
            return (now - source.AddedAt) switch
            {
                _ when source.HasSucceeded => new(EscalationLevel.L3, EscalationCause.None, new("there is no good backup any more", "正常バックアップが失われた")),
                null => new(EscalationLevel.L1, EscalationCause.Unknown, new("there is no good backup yet", "正常バックアップ未取得")), // whether it had its day is unknown
                { } known when known >= source.RpoWarning => new(EscalationLevel.L3, EscalationCause.None, new("there is no good backup", "正常バックアップなし")),
                _ => null,
            };
        }

        var age = now - good.Value;
        if (age >= source.RpoCritical)
            return new(EscalationLevel.L2, EscalationCause.Stale, OlderThan(source.RpoCritical));
        return age >= source.RpoWarning ? new(EscalationLevel.L1, EscalationCause.Stale, OlderThan(source.RpoWarning)) : null;
    }

    private static IEnumerable<EscalationReason> OfRuns(SourceCondition source, DateTimeOffset now)
    {
        if (source.ConsecutiveFailures >= 2)
            yield return new(EscalationLevel.L2, EscalationCause.Failed, new($"{source.ConsecutiveFailures} runs failed in a row", $"{source.ConsecutiveFailures}回連続でバックアップ失敗"));
        else if (source.ConsecutiveFailures == 1)
            yield return new(EscalationLevel.L1, EscalationCause.Failed, new("the last run failed", "前回のバックアップが失敗"));
        if (source.LateSchedule is { } late)
            yield return new(EscalationLevel.L1, EscalationCause.ScheduleOverdue, new($"schedule {late} did not start when it was due", $"スケジュール {late} が予定時刻に未実行"));
        if (now - source.RunStartedAt > RunStuckAfter)
            yield return new(EscalationLevel.L1, EscalationCause.RunStuck, new($"its run has not ended for {RunStuckAfter.TotalHours:0.##} h", $"バックアップ実行が{RunStuckAfter.TotalHours:0.##}時間以上終了していない"));
    }

    private static Bilingual OlderThan(TimeSpan span) => new($"the newest good backup is older than {span.TotalHours:0.##} h", $"最新の正常バックアップから{span.TotalHours:0.##}時間以上経過");

    private static Bilingual Full(double percent) => new($"its store's disk is {percent:0} % full", $"格納先のディスク使用率 {percent:0}%");

    private static Bilingual SetAside(string those, int count) => new($"{those} set aside as corrupt within the last day", $"24時間以内に破損バックアップ{count}件を保全（リネーム）");
}
