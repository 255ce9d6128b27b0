using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Status;
using NexusBackupAgent.Stores;

namespace NexusBackupAgent.Runbook;

/// <summary>What a diagnosis says, in both languages side by side. Messages of failures stay in English; the Japanese text quotes them.</summary>
internal static class DiagnosisTexts
{
    private const int MostLost = 5;

    public static readonly Bilingual IsThereANewOne = new("newest good backup", "最新の正常バックアップ");
    public static readonly Bilingual IsItSound = new("checksum verification", "チェックサム検証");
    public static readonly Bilingual DoesTheAgentRun = new("agent running", "サービス稼働確認");
    public static readonly Bilingual IsAnythingScheduled = new("scheduler", "スケジューラ");
    public static readonly Bilingual IsThereRoom = new("disk space", "ディスク容量");
    public static readonly Bilingual IsAccessGiven = new("permissions", "権限");
    public static readonly Bilingual CanItBeEncrypted = new("encryption", "暗号化");
    public static readonly Bilingual IsAnyGone = new("backups that were made", "取得済みバックアップ");
    public static readonly Bilingual DidTheLastRunSucceed = new("last run", "前回の実行結果");

    public static readonly Bilingual NoAgent = new("none by configuration: cron or a timer starts the schedules", "なし（設定による）。スケジュールはcronまたはタイマーが起動");

    public static readonly Bilingual RestoresOnly = new("none: this configuration is there to restore with (purpose: restore)", "なし（リストア用の設定: purpose: restore）");

    public static readonly Bilingual Next = new("next", "次の対応");
    public static readonly Bilingual Also = new("also", "併発");
    public static readonly Bilingual Runbook = new("runbook", "Runbook");

    public static Bilingual IsTheFurtherStoreThere(string store) => new($"store {store}", $"格納先 {store}");

    public static Bilingual DoesItOpen(Bilingual noun) => new(noun.English, $"{noun.Japanese}接続");

    /// <summary>What a cause is called where it is found.</summary>
    /// <param name="noun">What the source is.</param>
    public static Bilingual TitleOf(Cause cause, Bilingual noun) => cause == Cause.Database ? new($"{noun.English} error", $"{noun.Japanese}接続エラー") : Of(cause).Title;

    /// <summary>The section of the shipped runbook that says more.</summary>
    public static string Link(Cause cause, Language language) => RunbookPage.Of(Of(cause).Anchor, language);

    /// <summary>As documents write a cause.</summary>
    public static string Word(Cause cause) => cause switch
    {
        Cause.Healthy => "healthy",
        Cause.None => "none",
        _ => Of(cause).Letter,
    };

    public static (string Letter, Bilingual Title, string Anchor) Of(Cause cause) => cause switch
    {
        Cause.Checksum => ("A", new("checksum mismatch → [D] back up again", "チェックサム不一致 → [D] 再バックアップ"), "cause-a"),
        Cause.Bereft => ("A", new("what the newest backup builds on is missing → bring it back, or [D] back up again", "最新バックアップの基底が欠落 → 復旧または [D] 再バックアップ"), "cause-a"),
        Cause.Scheduler => ("B", new("scheduler stopped", "スケジューラ停止"), "cause-b"),
        Cause.Disk => ("C", new("disk full", "ディスク容量不足"), "cause-c"),
        Cause.Database => ("DB", new("database error", "DB接続エラー"), "cause-database"),
        Cause.Permission => ("E", new("storage or permission error", "ファイル権限・格納先エラー"), "cause-e"),
        Cause.Tool => ("F", new("a program or a setting that backups need is missing", "バックアップに必要なプログラムまたは設定の不備"), "cause-f"),
        Cause.Died => ("F", new("the last run was cut off → back up again", "前回の実行が途中で終了 → 再バックアップ"), "cause-f"),
        Cause.Mended => ("F", new("the last run failed, its cause is over → back up to prove it", "前回失敗の原因は解消済み → バックアップで確認"), "cause-f"),
        Cause.Unknown => ("F", new("unknown, analyse the log", "不明（ログ詳細分析）"), "cause-f"),
        Cause.None => ("", new("no cause in the flowchart; what follows asks for a look", "フローチャート上の原因なし、以下を要確認"), "escalation"),
        _ => ("", new("healthy", "バックアップ正常"), "flowchart"),
    };

    public static Bilingual Age(Observation seen)
    {
        if (seen.State.IsUnreadable)
            return ValueText.Unreadable;
        var limit = SpanText.Limit(seen.State.Source.RpoWarning);
        if (seen.State.NewestGood is not { } good)
            return new("none", "正常バックアップなし");
        var (at, age) = (ValueText.Minute(good.CapturedAt, seen.Zone), SpanText.Measured(seen.Now - good.CapturedAt));
        return new($"{good.File}, {at}, {age.English} old (limit {limit.English})", $"{good.File}、{at}、{age.Japanese}経過（基準 {limit.Japanese}未満）");
    }

    public static Bilingual Reading(ReadBack read) => read switch
    {
        { Failure: { } failure } => new($"could not be read back: {failure.Message}", $"読み戻し不可: 「{failure.Message}」"),
        { IsGood: true } => new(
            $"{read.Backup.File}: OK, {ValueText.Size(read.Backup.ActualLength)} read back in {ValueText.Seconds(read.Took)}{(read.Backup.Verification?.Note is { } note ? $"; {note}" : "")}",
            $"{read.Backup.File}: 正常（{ValueText.Size(read.Backup.ActualLength)} を {ValueText.Seconds(read.Took)} で読み戻し）{(read.Backup.Verification?.Note is { } same ? $"「{same}」" : "")}"),
        _ => Corrupt(read.Backup),
    };

    public static Bilingual Corrupt(Backup backup) => backup.HasBrokenChain
        ? new($"{backup.File} can't be restored: {backup.Objection}", $"{backup.File} は復元不可: 「{backup.Objection}」")
        : new($"{backup.File} is corrupt: {backup.Objection}", $"{backup.File} が破損: 「{backup.Objection}」");

    /// <param name="gone">What it builds on and is not there.</param>
    public static Bilingual Bereft(Observation seen, Backup backup, BackupId gone)
    {
        var (text, left, copies) = (Corrupt(backup), Left(seen.State, gone), seen.State.HoldersOf(gone));
        var mend = copies.Count > 0
            ? new Bilingual($"; a good copy is in store {string.Join(", ", copies)}", $"。正常なコピーあり: 格納先 {string.Join(", ", copies)}")
            : left.English.Length > 0 ? new("; bring the manifest back from a copy of the store", "。格納先のコピーからマニフェストを戻すこと") : Bilingual.Same("");
        return new($"{text.English}{left.English}{mend.English}", $"{text.Japanese}{left.Japanese}{mend.Japanese}");
    }

    public static Bilingual CapturedDamage(Observation seen, Backup backup) => new(
        $"the {seen.Noun.English} was already corrupt when {backup.File} was captured: {backup.Verification!.FirstFailure}",
        $"{backup.File} の取得時点で{seen.Noun.Japanese}が破損: 「{backup.Verification!.FirstFailure}」");

    public static Bilingual Agent(Observation seen) => seen.Agent switch
    {
        { RestoresOnly: true, IsRunning: false } => RestoresOnly,
        { IsExpected: false, IsRunning: false } => NoAgent,
        { IsRunning: false, LastBeat: null } => new("not running, and none has run here yet", "停止中（稼働実績なし）"),
        { IsRunning: false, LastBeat: { } beat } => new($"not running since {ValueText.Minute(beat, seen.Zone)}", $"停止中（{ValueText.Minute(beat, seen.Zone)} 以降）"),
        { LastBeat: { } beat } when seen.Agent.IsStuck => new(
            $"running, but its scheduler has stood still for {SpanText.Measured(seen.Now - beat).English}", $"プロセスは稼働中だが、スケジューラが{SpanText.Measured(seen.Now - beat).Japanese}停止"),
        { LastBeat: { } beat } => new($"running, heartbeat {SpanText.Measured(seen.Now - beat).English} ago", $"稼働中（ハートビート {SpanText.Measured(seen.Now - beat).Japanese}前）"),
        _ => new("running, but its scheduler has never looked at its schedules", "プロセスは稼働中だが、スケジューラが未起動"),
    };

    public static Bilingual Schedule(Observation seen) => seen.State switch
    {
        { Late: { } late } => Late(late.Schedule.Name, late.Due, seen.Zone),
        { Source.Schedules.Count: 0 } when seen.Agent.RestoresOnly => RestoresOnly,
        { Source.Schedules.Count: 0 } => new("manual backups only: no schedule is configured", "手動バックアップのみ（スケジュール設定なし）"),
        { NextRun: { } next } when !seen.Agent.StartsSchedules => NothingStarts(next, seen.Zone),
        { NextRun: { } next } => new($"next run {ValueText.Minute(next, seen.Zone)}", $"次回実行予定 {ValueText.Minute(next, seen.Zone)}"),
        _ => new("no schedule will ever run again", "次回実行予定なし"),
    };

    public static Bilingual ProtectAgain(Observation seen) => new(
        $"the {seen.Noun.English} is there; to back it up again, write its schedules and take purpose: restore out (docs/configuration.md)",
        $"{seen.Noun.Japanese}あり。バックアップを再開するには、スケジュールを記述して purpose: restore を削除（docs/configuration.md）");

    public static Bilingual NothingStarts(DateTimeOffset next, TimeZoneInfo zone) => new(
        $"due next {ValueText.Minute(next, zone)}, and nothing would start it", $"次回予定 {ValueText.Minute(next, zone)} だが、起動するサービスが停止中");

    public static Bilingual Late(string schedule, DateTimeOffset due, TimeZoneInfo zone) => new(
        $"schedule {schedule} was due {ValueText.Minute(due, zone)} and did not start", $"スケジュール {schedule} が {ValueText.Minute(due, zone)} に未実行");

    public static Bilingual Room(Observation seen) => seen.Store.Space is { } space ? OfDisk(seen.Store.Path, space) : new("the store does not tell", "使用率を取得できません");

    public static Bilingual StoreFull(string path, StoreSpace space) => OfDisk(path, space);

    public static Bilingual ScratchFull(string path, long available, long needed) => new(
        $"scratch space {path} has {ValueText.Size(available)} available and {ValueText.Size(needed)} are needed", $"作業領域 {path} の空き {ValueText.Size(available)} に対し {ValueText.Size(needed)} が必要");

    public static Bilingual Opens(Observation seen) => seen switch
    {
        { SourceFailure: { } failure } => Bilingual.Quoted(failure.Message),
        { DiedRun: null, State.Activity.RunStartedAt: not null } => new("a run is under way and has opened it", "バックアップ実行中（オープン済み）"),
        _ => new("a snapshot of it opens", "スナップショット取得可"),
    };

    public static Bilingual NothingToRestore(Observation seen)
    {
        var none = new Bilingual("no backup can be restored", "リストア可能なバックアップなし");
        if (seen.SafetyCopies.Count == 0)
            return none;
        var copies = string.Join(", ", seen.SafetyCopies.Take(3));
        return new($"{none.English}; what earlier restores kept beside the {seen.Noun.English}: {copies}", $"{none.Japanese}。過去のリストア時の退避コピー: {copies}");
    }

    public static Bilingual Access(Observation seen) => seen.WriteFailure is { } failure ? Bilingual.Quoted(failure.Message) : new($"{seen.Directory} is writable by {seen.User} now", $"{seen.Directory} は現在ユーザー {seen.User} で書込み可");

    /// <summary>As the runbook's [E] step 2 says it. A backup written to the bare mount point would hide that the disk is away.</summary>
    public static Bilingual Emptied(Observation seen)
    {
        var (count, place) = (seen.State.SuccessfulRuns, seen.Directory);
        var succeeded = $"{count} {(count == 1 ? "backup" : "backups")} succeeded";
        var another = seen.Store.IsAnother ? new Bilingual($"{Escalation.AnotherStore.English}; ", $"{Escalation.AnotherStore.Japanese}。") : default;
        var text = seen.IsStoreBare
            ? new Bilingual($"{another.English}the store is empty although {succeeded}: is its disk mounted? Back up only when it is", $"{another.Japanese}バックアップ{count}件が成功しているのに格納先が空: ディスクはマウントされているか？ バックアップはマウント確認後に実行")
            : new($"{another.English}nothing is left in {place} although {succeeded}: is the right disk mounted?", $"{another.Japanese}バックアップ{count}件が成功しているのに {place} が空: 正しいディスクがマウントされているか？");
        return seen.State.CopiesText is { English.Length: > 0 } copies ? new($"{text.English}{(text.English.EndsWith('?') ? "" : ".")} {Sentence(copies.English)}", $"{text.Japanese} {copies.Japanese}") : text;

        static string Sentence(string words) => char.ToUpperInvariant(words[0]) + words[1..];
    }

    public static Bilingual Blind(AgentState agent, string user, BackupException refusal) => new(
        $"user {user} may not see what the agent of user {agent.OtherOwner!.Value.Name} sees, so nothing is concluded: {refusal.Message}",
        $"ユーザー {user} にはエージェント（ユーザー {agent.OtherOwner!.Value.Name}）の情報を参照する権限がなく、判定不能: 「{refusal.Message}」");

    public static Bilingual LastRunOf(Observation seen) => seen.DiedRun is { } began ? Died(ValueText.Minute(began, seen.Zone)) : seen.State switch
    {
        { CountedFailure: { } failure } => LastRun(failure, seen),
        { LastFailure: { } stopped } => new($"somebody stopped it: {stopped.Message}", $"人が中断: 「{stopped.Message}」"),
        { Activity.LastRunAt: { } at } => new($"succeeded, {ValueText.Minute(at, seen.Zone)}", $"成功（{ValueText.Minute(at, seen.Zone)}）"),
        _ => new("none yet", "実行履歴なし"),
    };

    /// <summary>Of a run that nobody ended.</summary>
    public static Bilingual Died(string at) =>
        new($"the run that began at {at} ended with its process (killed, or the power was lost)", $"{at} 開始の実行はプロセスとともに終わった（強制終了または停電）");

    public static Bilingual LastRun(RunFailure failure, Observation seen)
    {
        var run = LastEnded(seen);
        return new($"{run.English} failed: {failure.Message}", $"{run.Japanese}が失敗: 「{failure.Message}」");
    }

    public static Bilingual Mended(RunFailure failure, Observation seen)
    {
        var at = seen.State.Activity?.LastRunAt is { } ended ? ValueText.Minute(ended, seen.Zone) : "-";
        var run = LastEnded(seen);
        return new($"{run.English} failed at {at}: {failure.Message}; tried now, that is over", $"{run.Japanese}が {at} に失敗: 「{failure.Message}」（現在の確認では解消済み）");
    }

    /// <summary>A run that died did not end.</summary>
    private static Bilingual LastEnded(Observation seen) => seen.DiedRun is null ? new("the last run", "前回の実行") : new("the run before it", "その前の実行");

    public static Bilingual Encrypts(Observation seen) => seen.EncryptionFailure is { } failure ? Bilingual.Quoted($"{failure.Message}; {failure.Hint}") : new("its program and its recipients are here", "プログラムと受信者を確認");

    public static Bilingual FurtherStore(StoreStatus store) => store.Space is { } space ? OfDisk(store.Path, space) : new($"{store.Path} can be used", $"{store.Path} は使用可");

    /// <summary>By their ids, and where copies of them are.</summary>
    public static Bilingual Lost(SourceState source)
    {
        var (count, ids) = (source.Lost.Count, source.Lost.Select(run => run.Backup!.Value).ToHashSet());
        var shown = string.Join(", ", source.Lost.TakeLast(MostLost).Select(run => run.Backup)) + (count > MostLost ? ", …" : "");
        var copies = string.Join(", ", source.Copies.Where(copy => copy.Backups.Any(backup => ids.Contains(backup.Id))).Select(copy => copy.Name));
        var left = ids.OrderBy(id => id.Value, StringComparer.Ordinal).TakeLast(MostLost).Select(id => Left(source, id)).ToList();
        return new(
            $"{count} {(count == 1 ? "backup that was made is" : "backups that were made are")} gone from the store, and retention removed none of them: {shown}{(copies.Length == 0 ? "" : $"; copies are in store {copies}")}{string.Concat(left.Select(file => file.English))}",
            $"格納先から消えたバックアップ{count}件（保持期間による削除ではない）: {shown}{(copies.Length == 0 ? "" : $"。コピーあり: 格納先 {copies}")}{string.Concat(left.Select(file => file.Japanese))}");
    }

    /// <summary>That the artifact of a backup is there without its manifest; empty when it is not.</summary>
    private static Bilingual Left(SourceState source, BackupId id) => source.ArtifactLeftOf(id) is { } file
        ? new($"; its file {BackupFiles.Original(file)} is there, its manifest {BackupFiles.Manifest(BackupFiles.Original(file))} alone is missing or damaged", $"。ファイル {BackupFiles.Original(file)} は存在し、マニフェスト {BackupFiles.Manifest(BackupFiles.Original(file))} のみ欠落または損傷")
        : Bilingual.Same("");

    private static Bilingual OfDisk(string path, StoreSpace space) => new(
        $"{path}: {ValueText.Percent(space.UsedRatio)} used, {ValueText.Size(space.Available)} available", $"{path}: 使用率 {ValueText.Percent(space.UsedRatio)}、空き {ValueText.Size(space.Available)}");
}
