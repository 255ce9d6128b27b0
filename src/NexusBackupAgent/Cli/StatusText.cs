using NexusBackupAgent.Artifacts.Age;
using NexusBackupAgent.Catalog;
using NexusBackupAgent.Common;
using NexusBackupAgent.Journal;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Scheduling;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Cli;

/// <summary>What <c>status</c> says, in both languages side by side, each with the next command.</summary>
internal static class StatusText
{
    private const int MostTimes = 5;

    public static readonly Bilingual Agent = new("agent", "エージェント");
    public static readonly Bilingual Next = new("next", "次の対応");
    public static readonly Bilingual Source = new("source", "ソース");
    public static readonly Bilingual Level = new("level", "レベル");
    public static readonly Bilingual NewestGood = new("newest good", "最新の正常");
    public static readonly Bilingual Age = new("age", "経過");
    public static readonly Bilingual Backups = new("backups", "件数");
    public static readonly Bilingual NextRun = new("next run", "次回実行");
    public static readonly Bilingual Store = new("store", "格納先");
    public static readonly Bilingual Used = new("used", "使用率");
    public static readonly Bilingual Available = new("available", "空き");
    public static readonly Bilingual Critical = new("90 % full", "90%到達見込み");
    public static readonly Bilingual Path = new("path", "パス");
    public static readonly Bilingual Unknown = new("unknown", "不明");
    public static readonly Bilingual None = new("none", "なし");

    public static (Bilingual State, NextStep? Next) OfAgent(AgentState agent, Commands commands, TimeZoneInfo zone)
    {
        return agent switch
        {
            { IsStuck: true, LastBeat: { } beat } => (new($"running, but its scheduler has stopped since {At(beat)}", $"プロセスは稼働中、スケジューラは {At(beat)} から停止"), NextStep.Command(Commands.RestartService) with { Comment = commands.OrRestart }),
            { IsRunning: true } => (new("running", "稼働中"), null),
            { RestoresOnly: true } => (DiagnosisTexts.RestoresOnly, null),
            { IsExpected: false } => (DiagnosisTexts.NoAgent, null),
            { LastBeat: null } => (new("not running, and no agent has run here yet: nothing starts the schedules", "停止中（稼働実績なし）。スケジュールは実行されない"), NextStep.Command(Commands.StartService) with { Comment = commands.OrStart }),
            { LastBeat: { } at } => (new($"not running since {At(at)}: nothing starts the schedules", $"{At(at)} から停止中。スケジュールは実行されない"), NextStep.Command(Commands.StartService) with { Comment = commands.OrStart }),
        };

        string At(DateTimeOffset instant) => $"{ValueText.Minute(instant, zone)} {Readable.Zone(zone, instant)}";
    }

    /// <summary>When a store's disk is nearly full, if all goes on as it does.</summary>
    public static Bilingual OfForecast(StoreForecast? forecast, DateTimeOffset now, TimeZoneInfo zone) => forecast switch
    {
        null => Bilingual.Same("?"),
        { Days: null } => new("not in a year", "1年以内になし"),
        { Days: 0 } => new("now", "到達済み"),
        { Days: { } days } => Bilingual.Same(ValueText.Day(now.AddDays(days), zone)),
    };

    /// <summary>When it runs next, or why it won't.</summary>
    public static Bilingual Run(AgentState agent, SourceState source, TimeZoneInfo zone) => source switch
    {
        { RunStartedAt: { } started } => SpanText.Measured(source.Now - started) is var since ? new($"running for {since.English}", $"実行中（{since.Japanese}）") : default,
        { NextRun: null } => new("manual only", "手動のみ"),
        _ when !agent.StartsSchedules => new("– (no agent)", "–（停止中）"),
        { NextRun: { } next } => Bilingual.Same(ValueText.Minute(next, zone)),
    };

    /// <summary>With its time: what it met may be over. After a restore only a backup is left to do.</summary>
    public static (Bilingual Text, NextStep? Next) OfLastRun(RunFailure failure, SourceState source, Commands commands)
    {
        var zone = source.Source.Source.Zone;
        var at = source.Activity?.LastRunAt is { } ended ? ValueText.Minute(ended, zone) : null;
        var told = new Bilingual($"last run{(at is null ? "" : $", {at}")}: {failure.Message}", $"前回の実行{(at is null ? "" : $"（{at}）")}: 「{failure.Message}」");
        return source.RestoredAt is { } restored
            ? (new($"{told.English}; restored since, {ValueText.Minute(restored, zone)}", $"{told.Japanese}。その後 {ValueText.Minute(restored, zone)} にリストア済み"), NextStep.Command(commands.Backup(source.Name)))
            : (told, NextStep.Hint(commands.HintOf(failure, source.Name)));
    }

    /// <param name="at">When it ended.</param>
    public static (Bilingual Text, NextStep? Next) OfDrill(LastDrill drill, string source, Commands commands, string at)
    {
        if (!drill.Passed)
            return (new($"restore drill of {at} failed: {drill.Reason}", $"{at} のリストア訓練が失敗: 「{drill.Reason}」"), NextStep.Command(commands.Of("drill", source)));
        var took = Readable.Seconds(drill.Took);
        var age = drill.DataAge is { } old ? SpanText.Measured(old) : default;
        return (new(
            $"restore drill of {at}: recovered in {took}{(drill.DataAge is null ? "" : $", of data that was {age.English} old")}",
            $"{at} のリストア訓練: {took} で復元{(drill.DataAge is null ? "" : $"（{age.Japanese}前のデータ）")}"), null);
    }

    /// <summary>A run that has begun and whose end the journal does not know.</summary>
    /// <param name="isUnderWay">Whether a process holds the source's lock.</param>
    public static (Bilingual Text, NextStep? Next) OfBegunRun(string source, string at, bool isUnderWay, Commands commands) => isUnderWay
        ? (new($"a run is under way since {at}", $"{at} から実行中"), null)
        : (DiagnosisTexts.Died(at), NextStep.Command(commands.Backup(source)));

    /// <summary>How far a good backup was proven, in a cell of a table.</summary>
    public static Bilingual WordOf(Proof proof) => proof switch
    {
        Proof.Whole => new("whole", "全体"),
        Proof.Chain => new("chain", "増分のみ"),
        Proof.Captured => new("captured", "暗号化前"),
        _ => new("stored bytes", "格納バイト"),
    };

    /// <summary>What is proven of encrypted backups.</summary>
    public static Bilingual OfEncrypted(Proof? proof) => proof switch
    {
        Proof.Whole or Proof.Chain => new("read back and opened with a key", "読み戻し、鍵で開いて検査済み"),
        Proof.Captured => new("stored bytes read back; content checked before it was encrypted", "格納バイトを読み戻し済み。内容は暗号化前に検査済み"),
        _ => new("stored bytes read back; nobody looked inside", "格納バイトのみ読み戻し済み。内容は未検査"),
    };

    /// <summary>What is proven of the newest good backup, and what a key would prove.</summary>
    public static (Bilingual Text, NextStep? Next) OfEncrypted(Backup newest, SourceState source)
    {
        var configured = source.Source.Source.Catalog.Keys?.Encryption?.KnownRecipients() ?? newest.Manifest.Encryption!.Recipients;
        var isProven = source.Backups.Any(backup => backup.ProvesKeyOf(configured));
        var (proof, recipients) = (OfEncrypted(newest.Proof), AgeRecipient.Shown(newest.Manifest.Encryption!.Recipients));
        return (new(
            $"encrypted to {recipients}; {proof.English}{(isProven ? "" : "; none has passed a drill with the key")}",
            $"暗号化済み（{recipients}）。{proof.Japanese}{(isProven ? "" : "。鍵によるリストア訓練は未実施")}"), isProven ? null : NextStep.Hint($"nexus-backup drill '{source.Name}' --identity FILE, where the key is"));
    }

    /// <summary>How far a further store is.</summary>
    public static (Bilingual Text, NextStep? Next) OfCopies(CopyState copy, StoreStatus first, string source, Commands commands, TimeZoneInfo zone)
    {
        var newest = (copy.Returnable.Count > 0 ? copy.Returnable.MaxBy(backup => backup.CapturedAt) : copy.NewestGood) is { } good ? ValueText.Minute(good.CapturedAt, zone) : null;
        var state = copy switch
        {
            { Listing.Failure: { } unread } => new Bilingual($"can't be read: {unread.Message}", $"読み取り不可: 「{unread.Message}」"),
            { Away: { } away } => new Bilingual($"can't be used: {away.Message}", $"使用不可: 「{away.Message}」"),
            { Returnable.Count: > 0 and var lost } => new($"has {lost} good {(lost == 1 ? "backup" : "backups")} that the first store lost, the newest of {newest}", $"最初の格納先で失われた正常バックアップ{lost}件あり（最新 {newest}）"),
            { Owed.Count: 0 } => new($"has all backups it keeps{(newest is null ? "" : $", the newest of {newest}")}", $"コピー済み{(newest is null ? "" : $"（最新 {newest}）")}"),
            { Owed.Count: var owed } => new($"lacks {owed} {(owed == 1 ? "backup" : "backups")}; {(newest is null ? "it has no good copy" : $"its newest copy is of {newest}")}", $"未コピー{owed}件（{(newest is null ? "正常なコピーなし" : $"最新のコピー {newest}")}）"),
        };
        var text = new Bilingual($"store {copy.Name} {state.English}", $"格納先 {copy.Name}: {state.Japanese}");
        if (copy.Away is { } now)
            return (text, NextStep.Hint(now.Hint));
        if (copy.Last?.Failure is { } failure && copy.Owed.Count > 0)
            return (new($"{text.English}; the last copying failed: {failure.Message}", $"{text.Japanese}。前回のコピーが失敗: 「{failure.Message}」"), NextStep.Hint(failure.Hint));
        if (copy.Returnable.Count > 0 && first.Acceptance is { } acceptance) // until then nothing is written there
            return (text, NextStep.Command($"{acceptance} && {commands.Copy(source)}") with { Comment = $"# only if what lies there now is to be store {first.Name} from now on" });
        return (text, copy.Owed.Count > 0 || copy.Returnable.Count > 0 ? NextStep.Command(commands.Copy(source)) : null);
    }

    public static (Bilingual Text, NextStep? Next) OfHook(RunFailure hook) =>
        (new($"the last hook failed: {hook.Message}", $"前回のフックが失敗: 「{hook.Message}」"), NextStep.Hint(hook.Hint));

    /// <summary>The one over the live source that nothing good followed; one elsewhere that died, which left nothing to mend but itself.</summary>
    public static IEnumerable<(Bilingual Text, NextStep? Next)> OfRestores(SourceState source, Commands commands)
    {
        var zone = source.Source.Source.Zone;
        if (source.FailedRestore is { } failed)
            yield return (Ended(failed, zone), NextStep.Hint(FailedRestore.InOneSentence(source.Source.Source, commands)));
        if (source.RestoreToMend is { IsOverLive: false } elsewhere)
            yield return (Ended(elsewhere, zone), NextStep.Hint("run that restore again"));
    }

    /// <summary>That the newest good backup was not expanded yet with what it builds on.</summary>
    /// <param name="expanded">The newest that was; null: none.</param>
    public static Bilingual OfProof(Backup? expanded, TimeZoneInfo zone) => expanded is null
        ? new("newest good backup proven by its chain; none was expanded yet", "最新の正常なバックアップは差分のみ検証済み。全体を展開して検証したものはまだない")
        : new($"newest good backup proven by its chain; newest that was expanded whole: {ValueText.Minute(expanded.CapturedAt, zone)}", $"最新の正常なバックアップは差分のみ検証済み。全体を展開して検証した最新: {ValueText.Minute(expanded.CapturedAt, zone)}");

    /// <summary>What <c>restore --at</c> takes, newest first.</summary>
    public static Bilingual OfWindows(IReadOnlyList<RecoveryWindow> windows, TimeZoneInfo zone)
    {
        var shown = windows.Take(MostTimes).Select(window => window.First == window.Last
            ? Bilingual.Same(RecoveryWindow.Shown(window.First, zone))
            : new Bilingual($"{RecoveryWindow.Shown(window.First, zone)} to {RecoveryWindow.Shown(window.Last, zone)}", $"{RecoveryWindow.Shown(window.First, zone)} ～ {RecoveryWindow.Shown(window.Last, zone)}")).ToList();
        var rest = windows.Count > MostTimes ? ", …" : "";
        return new(
            $"recoverable to any instant: {string.Join(", or ", shown.Select(window => window.English))}{rest}",
            $"復旧可能期間（任意の時点）: {string.Join("、", shown.Select(window => window.Japanese))}{rest}");
    }

    public static Bilingual OfLocks(SourceState source, TimeZoneInfo zone)
    {
        var (count, last) = (source.Locks.Count, ValueText.Minute(source.Locks.Values.Max(), zone));
        return new(
            $"{count} {(count == 1 ? "backup" : "backups")} past retention, kept by {(count == 1 ? "its lock" : "their locks")} until {last}; removed once {(count == 1 ? "it has" : "they have")} ended",
            $"保持期間を過ぎたバックアップ{count}件は、オブジェクトロックにより {last} まで保持（解除後に削除）");
    }

    public static (Bilingual Text, NextStep? Next) OfLost(SourceState source, Commands commands) =>
        (DiagnosisTexts.Lost(source), NextStep.Command(commands.AcceptLost(source.Name)) with { Comment = "# only if they were deleted on purpose" });

    public static Bilingual OfMissing(MissingBackups review, TimeZoneInfo zone)
    {
        var times = string.Join(", ", review.Missing.Take(MostTimes).Select(at => ValueText.Minute(at, zone))) + (review.Missing.Count > MostTimes ? ", …" : "");
        return new(
            $"{review.Missing.Count} of {review.Expected} {review.Schedule} backups {(review.Missing.Count == 1 ? "is" : "are")} missing: {times}",
            $"{review.Schedule} のバックアップ{review.Expected}件中{review.Missing.Count}件が欠落: {times}");
    }

    public static (Bilingual Text, NextStep? Next) OfUnknown(Backup backup) =>
        (new($"{backup.File} is not known to be good: {backup.Unreadable!.Message}", $"{backup.File} が正常か不明: 「{backup.Unreadable.Message}」"), NextStep.Hint(backup.Unreadable.Hint));

    public static (Bilingual Text, NextStep? Next) OfTrouble(SidecarTrouble trouble) =>
        (new($"{trouble.File} is damaged: {trouble.Reason}", $"{trouble.File} が損傷: 「{trouble.Reason}」"), NextStep.Hint(trouble.Remedy));

    public static Bilingual OfOrphan(Orphan orphan) =>
        new($"{orphan.File} is no backup: {orphan.Reason}", $"{orphan.File} はバックアップではない: 「{orphan.Reason}」");

    private static Bilingual Ended(Operation restore, TimeZoneInfo zone) => restore.Failure is { Kind: not FailureKind.Died } failure
        ? Readable.Time(restore.EndedAt!.Value, zone) is var at ? new($"a restore failed at {at} ({failure.Message})", $"{at} にリストアが失敗（「{failure.Message}」）") : default
        : Readable.Time(restore.StartedAt, zone) is var began ? new($"a restore was interrupted at {began} ({restore.Detail})", $"{began} 開始のリストアが中断（「{restore.Detail}」）") : default;
}
