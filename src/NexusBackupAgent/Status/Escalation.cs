using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Status;

/// <summary>Decides who has to act, for everything that shows a level. Pure.</summary>
internal static class Escalation
{
    public const double DiskWarning = StoreSpace.TightRatio;
    public const double DiskCritical = 0.9;

    /// <summary>The same words wherever it is told.</summary>
    public static readonly Bilingual AnotherStore = new("its store is not the one that its backups were kept in", "格納先が、バックアップを保存してきたものではない");

    /// <summary>Drills are monthly by default: the longest month, and a week of grace.</summary>
    public static readonly TimeSpan DrillOverdueAfter = TimeSpan.FromDays(40);

    /// <summary>The default time limit of a run, after which the agent should have ended it.</summary>
    public static readonly TimeSpan RunStuckAfter = TimeSpan.FromHours(6);

    /// <summary>As the alert counts: what was set aside stays as evidence, and must not keep a level up for ever.</summary>
    private static readonly TimeSpan SetAsideIsNews = TimeSpan.FromDays(1);

    private const double StreamWarning = 0.5;
    private const double StreamCritical = 0.8;

    /// <returns>Everything that asks for a level, the highest first; none: the source is well protected, or new.</returns>
    public static IReadOnlyList<EscalationReason> Decide(SourceState source) =>
        [.. OfBackups(source).Concat(OfRuns(source)).Append(OfUntaken(source)).Concat(OfCopies(source)).Concat(OfDrill(source)).Append(OfRestore(source)).Append(OfStream(source)).Append(OfDisk(source.Store.Space?.UsedRatio)).OfType<EscalationReason>().OrderByDescending(reason => reason.Level)];

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

    /// <param name="isEmergency">Whether none of the good backups is seen there.</param>
    private static EscalationReason OfAnotherStore(bool isEmergency) => new(
        isEmergency ? EscalationLevel.L3 : EscalationLevel.L2, isEmergency ? EscalationCause.None : EscalationCause.StoreDown, AnotherStore);

    /// <returns>None when the agent works, when none is to run, or when none ever ran here: the commands work without one.</returns>
    public static IEnumerable<EscalationReason> OfAgent(AgentState agent)
    {
        if (agent is { IsExpected: true, IsRunning: false, LastBeat: not null })
            yield return new(EscalationLevel.L2, EscalationCause.AgentDown, new("the agent is not running", "サービス（エージェント）停止中"));
        else if (agent is { LastBeat: not null, IsStuck: true })
            yield return new(EscalationLevel.L2, EscalationCause.SchedulerStuck, new("the agent's scheduler has stopped", "スケジューラ停止"));
        if (agent.SelfTest?.Failure is { } failure)
        {
            yield return new(EscalationLevel.L1, EscalationCause.SelfTestFailed, failure.Kind == FailureKind.Verification
                ? new($"the last self-test of the verification failed: {failure.Message}", $"検証機能のセルフテストが失敗: 「{failure.Message}」")
                : new($"the last self-test of the verification could not be made, which proves nothing: {failure.Message}", $"検証機能のセルフテストを実施できず（判定不能）: 「{failure.Message}」"));
        }
    }

    private static IEnumerable<EscalationReason> OfBackups(SourceState source)
    {
        var isAway = source is { IsUnreadable: false, Store.IsAnother: true };
        if (isAway)
            yield return OfAnotherStore(isEmergency: source.IsWithoutGood).With(source.CopiesText);
        else if (source.Store.Failure is not null || source.IsUnreadable)
            yield return OfStore(isUp: false, usedRatio: null)!;
        if (source.IsUnreadable)
            yield break;

        var (backups, now) = (source.Backups, source.Now);
        var corrupt = backups.Count(backup => backup.State is BackupState.Corrupt or BackupState.Quarantined);
        if (backups.Count > 0 && corrupt == backups.Count)
            yield return new(EscalationLevel.L3, EscalationCause.AllCorrupt, new(corrupt == 1 ? "its only backup is corrupt" : $"all {corrupt} backups are corrupt{(backups.Any(backup => backup.HasBrokenChain) ? ", or build on corrupt ones" : "")}", $"全バックアップ（{corrupt}件）が破損"));
        else if (OfCorrupt(backups, now) is { } ofCorrupt)
            yield return ofCorrupt;

        if (backups.FirstOrDefault(backup => backup.IsFromTheFuture(now)) is { } future)
            yield return new(EscalationLevel.L1, EscalationCause.FromFuture, new(
                $"{future.File} was captured in the future, so a clock was or is wrong; nothing is pruned. Check the time (timedatectl); if it is right now, delete that backup by hand",
                $"{future.File} の取得日時が未来（時計の異常）のため、自動削除を停止中。時刻を確認し（timedatectl）、現在正しければこのバックアップを手動で削除"));
        if (!(isAway && source.IsWithoutGood) && OfAge(source) is { } ofAge) // the one reason is why of the other
            yield return ofAge;
        if (source.Overdue > 0)
            yield return new(EscalationLevel.L1, EscalationCause.RetentionOverdue, new($"{source.Overdue} {(source.Overdue == 1 ? "backup is" : "backups are")} past retention and not deleted", $"保持期間超過のバックアップ{source.Overdue}件が未削除"));
    }

    private static IEnumerable<EscalationReason> OfCopies(SourceState source) =>
        source.Copies.SelectMany(copy => ((EscalationReason?[])[OfFurtherStore(copy, source.Store), OfCopying(copy, source)]).OfType<EscalationReason>().Select(reason => reason with { FurtherStore = copy.Name }));

    /// <summary>A further store counts as the first one does, by the same alerts. What lies on one disk with the first store is full once.</summary>
    private static EscalationReason? OfFurtherStore(CopyState copy, StoreStatus first) => copy switch
    {
        { Store: { IsAnother: true } } => new(EscalationLevel.L2, EscalationCause.StoreDown, new($"store {copy.Name} is not the one that its copies were kept in", $"格納先 {copy.Name} が、コピーを保存してきたものではない")),
        { Away: { } away } => new(EscalationLevel.L2, EscalationCause.StoreDown, new($"store {copy.Name} cannot be used or cannot be written: {away.Message}", $"格納先 {copy.Name} が使用不可または書込み不可: 「{away.Message}」")),
        { Store: { Space.UsedRatio: var used, Medium: var medium } } when medium is null || medium != first.Medium => OfDisk(used) is { } full ? full with { Reason = Full(copy.Name, Math.Floor(used * 100)) } : null,
        _ => null,
    };

    /// <summary>As the alert counts: the store is as late as asks for L2 in the first store, where it asks for L1. That the last copying failed is told before.</summary>
    private static EscalationReason? OfCopying(CopyState copy, SourceState source)
    {
        var waiting = new Bilingual($"{copy.Owed.Count} {(copy.Owed.Count == 1 ? "backup waits" : "backups wait")}", $"未コピー{copy.Owed.Count}件");
        if (source.Now - copy.WaitingSince > source.Source.RpoCritical)
        {
            var late = SpanText.Measured(source.Now - copy.WaitingSince!.Value);
            return new(EscalationLevel.L1, EscalationCause.CopyLate, new($"copies to store {copy.Name} are late: {waiting.English}, for {late.English}", $"格納先 {copy.Name} へのコピーが遅延（{waiting.Japanese}、{late.Japanese}経過）"));
        }

        return copy is { Away: null, Owed.Count: > 0, Last.Failure: { } failure }
            ? new(EscalationLevel.L1, EscalationCause.CopyLate, new($"the last copying to store {copy.Name} failed, and {waiting.English}: {failure.Message}", $"格納先 {copy.Name} への前回のコピーが失敗（{waiting.Japanese}）: 「{failure.Message}」"))
            : null;
    }

    private static IEnumerable<EscalationReason> OfDrill(SourceState source)
    {
        var drill = source.LastDrill;
        if (drill is { Passed: false })
            yield return new(EscalationLevel.L1, EscalationCause.DrillFailed, new("the last restore drill failed", "直近のリストア訓練が失敗"));
        if (source.Now - drill?.EndedAt > DrillOverdueAfter)
            yield return new(EscalationLevel.L1, EscalationCause.DrillOverdue, new($"no restore was practised for {DrillOverdueAfter.Days} days", $"リストア訓練が{DrillOverdueAfter.Days}日以上未実施"));
    }

    private static EscalationReason? OfRestore(SourceState source) => source.FailedRestore is null
        ? null
        : new(EscalationLevel.L2, EscalationCause.RestoreFailed, new($"the last restore over the live {Noun(source).English} failed", $"直近のリストア（稼働中の{Noun(source).Japanese}への復元）が失敗"));

    private static Bilingual Noun(SourceState source) => source.Source.Source.Source?.Noun ?? new("source", "ソース");

    /// <summary>As the alert counts: 1 is an hour late, or the limit of what the source keeps; a gap is news for a day.</summary>
    private static EscalationReason? OfStream(SourceState source)
    {
        if (source.Stream is not { } stream)
            return null;
        var behind = Math.Max((source.Now - stream.ReceivedUntil) / TimeSpan.FromHours(1), (double)stream.Lag / stream.Limit);
        return behind switch
        {
            >= StreamCritical => new(EscalationLevel.L2, EscalationCause.StreamBehind, new("changes between its backups are about to be lost", "バックアップ間の変更が失われるおそれ")),
            >= StreamWarning => new(EscalationLevel.L1, EscalationCause.StreamBehind, new("changes between its backups are received late", "バックアップ間の変更の受信が遅延")),
            _ when source.Now - stream.LastGapAt < TimeSpan.FromDays(1) => new(EscalationLevel.L1, EscalationCause.StreamBehind, new("changes between its backups were lost within the last day", "24時間以内にバックアップ間の変更が欠落")),
            _ => null,
        };
    }

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

    /// <summary>Backups whose own files are sound and whose base is missing or damaged. With the damaged base they are one piece of news.</summary>
    private static Bilingual Unrestorable(int count, bool isAlone) => (count, isAlone) switch
    {
        (0, _) => new("", ""),
        (_, true) => new($"{count} {(count == 1 ? "backup" : "backups")} can't be restored, because what {(count == 1 ? "it builds" : "they build")} on is gone", $"基となるバックアップの欠落により復元不可のバックアップ{count}件"),
        _ => new($", and {count} that {(count == 1 ? "builds" : "build")} on what is corrupt can't be restored", $"、これを基とする復元不可のバックアップ{count}件"),
    };

    /// <summary>When nothing tells when it was set aside, it is news until somebody looks. A date in the future comes from a wrong clock.</summary>
    private static bool IsNews(DateTimeOffset? setAsideAt, DateTimeOffset now) =>
        setAsideAt is not { } at || (now >= at && now - at < SetAsideIsNews);

    private static EscalationReason? OfAge(SourceState source)
    {
        if (source.Age is not null)
        {
            return source.Rpo switch
            {
                RpoStanding.Exceeded => new(EscalationLevel.L3, EscalationCause.Stale, Exceeded(source.Source.RpoEmergency)),
                RpoStanding.Critical => new(EscalationLevel.L2, EscalationCause.Stale, OlderThan(source.Source.RpoCritical)),
                RpoStanding.Warning => new(EscalationLevel.L1, EscalationCause.Stale, OlderThan(source.Source.RpoWarning)),
                _ => null,
            };
        }

        return source switch
        {
            { IsWithoutGood: true } => new EscalationReason(EscalationLevel.L3, EscalationCause.None, new("there is no good backup any more", "正常バックアップが失われた")).With(source.CopiesText),
            { Activity: null } => new(EscalationLevel.L1, EscalationCause.Unknown, new("there is no good backup yet", "正常バックアップ未取得")), // whether it had its day is unknown
            { IsNew: false } => new(EscalationLevel.L3, EscalationCause.None, new("there is no good backup", "正常バックアップなし")),
            _ => null,
        };
    }

    /// <summary>Backups by hand may be as good as they like: nothing makes the next one.</summary>
    private static EscalationReason? OfUntaken(SourceState source) => source is { IsAgentAwaited: true, Source.Schedules.Count: > 0 }
        ? new(EscalationLevel.L1, EscalationCause.Unknown, new("no agent has run here yet, so nothing makes the next backup", "エージェントの稼働実績なし（次回バックアップは実行されない）"))
        : null;

    private static IEnumerable<EscalationReason> OfRuns(SourceState source)
    {
        var failures = source.Activity?.ConsecutiveFailures ?? 0;
        if (failures >= 2)
            yield return new(EscalationLevel.L2, EscalationCause.Failed, new($"{failures} runs failed in a row", $"{failures}回連続でバックアップ失敗"));
        else if (failures == 1)
            yield return new(EscalationLevel.L1, EscalationCause.Failed, new("the last run failed", "前回のバックアップが失敗"));
        if (source.Late is { Schedule.Name: var late })
            yield return new(EscalationLevel.L1, EscalationCause.ScheduleOverdue, new($"schedule {late} did not start when it was due", $"スケジュール {late} が予定時刻に未実行"));
        if (source.Now - source.RunStartedAt > RunStuckAfter)
            yield return new(EscalationLevel.L1, EscalationCause.RunStuck, new($"its run has not ended for {SpanText.Limit(RunStuckAfter).English}", $"バックアップ実行が{SpanText.Limit(RunStuckAfter).Japanese}以上終了していない"));
    }

    private static Bilingual Exceeded(TimeSpan span) => OlderThan(span) is var older ? new($"the RPO is exceeded: {older.English}", $"RPO超過: {older.Japanese}") : default;

    private static Bilingual OlderThan(TimeSpan span) => SpanText.Limit(span) is var limit ? new($"the newest good backup is older than {limit.English}", $"最新の正常バックアップから{limit.Japanese}以上経過") : default;

    private static Bilingual Full(double percent) => new($"its store's disk is {percent:0} % full", $"格納先のディスク使用率 {percent:0}%");

    private static Bilingual Full(string store, double percent) => new($"the disk of store {store} is {percent:0} % full", $"格納先 {store} のディスク使用率 {percent:0}%");

    private static Bilingual SetAside(string those, int count) => new($"{those} set aside as corrupt within the last day", $"24時間以内に破損バックアップ{count}件を保全（リネーム）");
}
