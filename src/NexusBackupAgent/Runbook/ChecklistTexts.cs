using NexusBackupAgent.Artifacts;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>What the checklist says, in both languages side by side; the names are those of the runbook's §6.</summary>
internal static class ChecklistTexts
{
    public static readonly Bilingual Pass = new("pass", "合格");
    public static readonly Bilingual Fail = new("FAIL", "不合格");
    public static readonly Bilingual NoBackup = new("there is no backup", "バックアップなし");

    public static readonly Bilingual Item = new("check", "確認項目");
    public static readonly Bilingual Result = new("result", "判定");
    public static readonly Bilingual Measured = new("measured", "測定値");
    public static readonly Bilingual Next = new("next", "次の対応");
    public static readonly Bilingual AllPassed = new("all seven checks passed", "全7項目合格");

    public static Bilingual Failed(int count) => new($"{count} of 7 checks failed", $"7項目中{count}項目が不合格");

    public static Bilingual Name(RecoveryCheck check) => check switch
    {
        RecoveryCheck.Service => new("service runs", "サービス稼働"),
        RecoveryCheck.NewestBackup => new("newest backup", "最新バックアップ"),
        RecoveryCheck.Gzip => new("gzip or zstd", "gzip・zstd整合性"),
        RecoveryCheck.Checksum => new("checksum", "チェックサム"),
        RecoveryCheck.DatabaseIntegrity => new("database integrity", "DB整合性"),
        RecoveryCheck.Disk => new("disk space", "ディスク容量"),
        _ => new("scheduler", "スケジューラ"),
    };

    public static Bilingual Service(Observation seen) => seen.Agent switch
    {
        { RestoresOnly: true, IsRunning: false } => DiagnosisTexts.RestoresOnly,
        { IsExpected: false, IsRunning: false } => DiagnosisTexts.NoAgent,
        { IsRunning: false } => new("not running", "停止中"),
        { LastBeat: { } beat } => SpanText.Measured(seen.Now - beat) is var age ? new($"active (running), heartbeat {age.English} ago", $"active (running)、ハートビート {age.Japanese}前") : default,
        _ => new("running, no heartbeat yet", "プロセス稼働中、ハートビートなし"),
    };

    public static Bilingual Newest(Observation seen)
    {
        if (seen.State.IsUnreadable)
            return ValueText.Unreadable;
        if (seen.State.FailedRestore is { } restore)
            return FailedRestore.Evidence(seen.Noun, restore, seen.Zone);
        if (seen.State.CountedFailure is { } last)
            return DiagnosisTexts.LastRun(last, seen);
        if (RecoveryChecklist.NotReplaced(seen) is { } aside)
            return aside.HasBrokenChain
                ? new($"{aside.File} can't be restored and is not replaced: {aside.Objection}", $"{aside.File} は復元不可（代替バックアップ未取得）: 「{aside.Objection}」")
                : new($"{aside.File} was corrupt and is not replaced", $"{aside.File} が破損（代替バックアップ未取得）");
        if (seen.State.NewestGood is not { } good)
            return seen.State.CopiesText is { English.Length: > 0 } copies ? new($"no good backup; {copies.English}", $"正常バックアップなし。{copies.Japanese}") : new("no good backup", "正常バックアップなし");
        var (age, limit) = (SpanText.Measured(seen.Now - good.CapturedAt), SpanText.Limit(seen.State.Source.RpoWarning));
        if (seen.Agent.RestoresOnly)
            return new($"{good.File}, {age.English} old", $"{good.File}、{age.Japanese}前");
        return new($"{age.English} old (below {limit.English})", $"{age.Japanese}前（基準 {limit.Japanese}以内）");
    }

    public static Bilingual NotReadBack(BackupException failure) => new($"could not be read back: {failure.Message}", $"読み戻し不可: 「{failure.Message}」");

    public static Bilingual Content(Observation seen, RecoveryCheck check, ReadBack read, CheckResult? result) => result switch
    {
        null when read.Backup is { State: BackupState.Good, IsEncrypted: true } => !read.Backup.IsCheckedInside
            ? new("not tried: it is encrypted, and no key is here", "未実施（暗号化されており、鍵がないため）")
            : new("encrypted, no key here; it was checked before it was encrypted", "暗号化済み・鍵なし。暗号化前に検査済み"),
        null => new($"not tried: {read.Backup.Manifest.Encoding.Shown()} is damaged", $"未実施（{read.Backup.Manifest.Encoding.Shown()}破損のため）"),
        { Passed: false } => Bilingual.Quoted(result.Detail),
        _ => check switch
        {
            RecoveryCheck.Gzip => Bilingual.Same($"{read.Backup.File}: {ValueText.Size(read.Backup.ActualLength)}, {ValueText.Seconds(read.Took)}"),
            RecoveryCheck.Checksum => Bilingual.Same($"SHA-256 {read.Backup.Manifest.Stored.Shown()}"),
            _ when result.Detail.Length > 0 => new($"{seen.Inspection.CheckName}: no damage; {result.Detail}", $"{seen.Inspection.CheckName}: 破損なし（「{result.Detail}」）"),
            _ => Bilingual.Same($"{seen.Inspection.CheckName}: ok, {ValueText.Size(read.Backup.Manifest.Restored?.Length ?? read.Backup.Manifest.Content.Length)}"),
        },
    };

    public static Bilingual Disk(StoreStatus store) => store switch
    {
        { Failure: { } failure } => Bilingual.Quoted(failure.Message),
        { Space: { } space } => new($"{ValueText.Percent(space.UsedRatio)} used (below {ValueText.Percent(Escalation.DiskWarning)})", $"使用率 {ValueText.Percent(space.UsedRatio)}（基準 {ValueText.Percent(Escalation.DiskWarning)}未満）"),
        _ => new("the store does not tell", "使用率を取得できません"),
    };

    public static Bilingual Scheduler(Observation seen) => seen switch
    {
        { Agent.RestoresOnly: true } => DiagnosisTexts.RestoresOnly,
        { WouldFail: { } failure } when seen.Agent.StartsSchedules => new($"a run would fail: {failure.Message}", $"実行しても失敗する状態: 「{failure.Message}」"),
        { State.Late: { } late } => DiagnosisTexts.Late(late.Schedule.Name, late.Due, seen.Zone),
        { State.NextRun: { } next } when !seen.Agent.StartsSchedules => DiagnosisTexts.NothingStarts(next, seen.Zone),
        { State.NextRun: { } next } => new($"next run {ValueText.Minute(next, seen.Zone)}", $"次回実行予定 {ValueText.Minute(next, seen.Zone)}"),
        _ => new("no next run", "次回実行予定なし"),
    };
}
