using System.Globalization;
using NexusBackupAgent.Common;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Runbook;

/// <summary>Fills the escalation template of the runbook (§4), line for line as it stands there.</summary>
/// <param name="zone">The zone of the times.</param>
/// <param name="operatorName">対応者.</param>
internal sealed class IncidentReport(TimeZoneInfo zone, string operatorName)
{
    /// <summary>So that the report stays one screen.</summary>
    private const int MostMeasures = 12;

    private static readonly Bilingual Title = new("[Backup incident report]", "【バックアップ障害報告】");
    private static readonly Bilingual NoMeasures = new("none", "なし");
    private static readonly Bilingual NoKind = new("none", "なし");

    /// <summary>Plain text, ready to paste.</summary>
    public string Text(Incident incident, Language language)
    {
        string In(Bilingual text) => text.In(language);
        var lines = new List<string>
        {
            In(Title),
            In(new("■ Occurred: ", "■ 発生日時: ")) + OccurredOf(incident, language) + In(ValueText.TimesIn(zone)),
            In(new("■ Kind: ", "■ 障害種別: ")) + KindsOf(incident, language),
            In(new("■ Last good backup: ", "■ 最終正常バックアップ: ")) + (incident.LastGood is { } good ? ValueText.Minute(good, zone) : In(NoGood(incident))),
            In(new("■ RPO: ", "■ RPO影響: ")) + In(RpoOf(incident)),
            In(new("■ Disk used: ", "■ ディスク使用率: ")) + (incident.DiskUsedRatio is { } ratio ? ValueText.Percent(ratio) : In(new("unknown", "不明"))),
            In(new("■ Done so far:", "■ 実施済み対応:")),
        };
        lines.AddRange(MeasuresOf(incident).Select(measure => "  - " + In(measure)));
        lines.Add(In(new("■ State: ", "■ 現在の状態: ")) + In(StateOf(incident)));
        lines.AddRange(incident.Reasons.Select(reason => $"  - {reason.Level}: {In(reason.Reason)}"));
        if (incident.State.Lost.Count > 0)
            lines.Add("  - " + In(DiagnosisTexts.Lost(incident.State)));
        lines.Add(In(new("■ Operator: ", "■ 対応者: ")) + operatorName);
        return string.Join('\n', lines);
    }

    public static Bilingual NameOf(IncidentKind kind) => kind switch
    {
        IncidentKind.NotRun => new("automatic backup not made", "自動バックアップ未実行"),
        IncidentKind.Corrupt => new("corrupt backup file", "ファイル破損"),
        IncidentKind.Disk => new("disk full", "ディスク容量不足"),
        IncidentKind.Retention => new("old backups not deleted", "古いバックアップ未削除"),
        IncidentKind.Manual => new("manual backup failed", "手動バックアップ失敗"),
        IncidentKind.Drill => new("other (restore drill failed)", "その他（リストア訓練失敗）"),
        IncidentKind.AnotherStore => new("other (not the store that its backups were kept in)", "その他（バックアップを保存してきた格納先ではない）"),
        IncidentKind.Lost => new("other (backups lost)", "その他（バックアップ消失）"),
        IncidentKind.Agent => new("other (agent stopped)", "その他（サービス停止）"),
        IncidentKind.Restore => new("restore failed", "リストア失敗"),
        _ => new("other", "その他"),
    };

    /// <summary>The level decides which of the template's three states it is. A source without an incident has nothing to recover from.</summary>
    public static Bilingual StateOf(Incident incident) => incident.Level switch
    {
        EscalationLevel.Ok when incident is { OccurredAt: null, State.IsNew: true } => new("new, no good backup yet (NEW)", "新規・正常バックアップ未取得（NEW）"),
        EscalationLevel.Ok when incident.OccurredAt is null => new("normal (OK)", "正常（OK）"),
        EscalationLevel.Ok when incident.State.IsNew => new("being handled, no good backup yet (NEW)", "対応中・正常バックアップ未取得（NEW）"),
        EscalationLevel.Ok when incident.State.Lost.Count > 0 => new("to be looked at (OK)", "要確認（OK）"),
        EscalationLevel.Ok => new("recovered (OK)", "復旧済（OK）"),
        EscalationLevel.L1 => new("being handled (L1)", "対応中（L1）"),
        var level => new($"waiting for escalation ({level})", $"エスカレーション待ち（{level}）"),
    };

    private string OccurredOf(Incident incident, Language language)
    {
        if (incident.OccurredAt is not { } at)
            return "-";
        var minute = ValueText.Minute(at, zone);
        return incident.IsLastSeen ? new Bilingual($"after {minute} (last seen)", $"{minute} 以降（最終確認）").In(language) : minute;
    }

    /// <summary>Names the source here, because the template has no line for it.</summary>
    private static string KindsOf(Incident incident, Language language)
    {
        var kinds = incident.Kinds.Count == 0 ? NoKind.In(language) : string.Join(" / ", incident.Kinds.Select(kind => NameOf(kind).In(language)));
        return new Bilingual($"{kinds} (source {incident.Source})", $"{kinds}（対象: {incident.Source}）").In(language);
    }

    private static Bilingual NoGood(Incident incident) => incident.State switch
    {
        { IsUnreadable: true } => ValueText.Unreadable,
        { Store.IsAnother: true } => ValueText.NotHere,
        { IsNew: true } => new("none yet (NEW)", "未取得（NEW）"),
        _ => new("none", "なし"),
    };

    /// <summary>Only past the last threshold is the RPO exceeded; of the others it is said which one.</summary>
    private static Bilingual RpoOf(Incident incident) => incident.Rpo switch
    {
        null => new("unknown", "不明"),
        RpoStanding.New => new("NEW (no good backup yet)", "NEW（正常バックアップ未取得）"),
        RpoStanding.Within => new("within", "範囲内"),
        RpoStanding.Warning => With(new("past the warning threshold", "警告しきい値超過"), incident.State.Age!.Value),
        RpoStanding.Critical => With(new("past the critical threshold", "危機しきい値超過"), incident.State.Age!.Value),
        _ when incident.State.Age is { } age => With(new("exceeded", "超過"), age),
        _ => new("exceeded (no good backup)", "超過（正常バックアップなし）"),
    };

    /// <summary>Counts the hours since the last good backup, as the runbook does: they are what a restore would lose. Below two hours the unit is a smaller one.</summary>
    private static Bilingual With(Bilingual what, TimeSpan age)
    {
        if (age.TotalHours < 2)
            return SpanText.Measured(age) is var since ? new($"{what.English} ({since.English})", $"{what.Japanese}（{since.Japanese}）") : default;
        var hours = ((int)age.TotalHours).ToString(CultureInfo.InvariantCulture);
        return new($"{what.English} ({hours} hours)", $"{what.Japanese}（{hours}時間）");
    }

    private IEnumerable<Bilingual> MeasuresOf(Incident incident)
    {
        if (incident.Measures.Count == 0)
            yield return NoMeasures;
        if (incident.Measures.Count > MostMeasures)
            yield return new($"… {incident.Measures.Count - MostMeasures} earlier ones", $"…（ほか{incident.Measures.Count - MostMeasures}件）");
        foreach (var measure in incident.Measures.TakeLast(MostMeasures))
        {
            var result = measure.Succeeded switch { true => new Bilingual("done", "成功"), false => new("FAILED", "失敗"), null => new("not ended", "未完了") };
            var detail = measure.Detail.Length == 0 ? default : new Bilingual($" ({measure.Detail})", $"（「{measure.Detail}」）");
            var at = ValueText.Minute(measure.At, zone);
            yield return new($"{at} {measure.What.English}: {result.English}{detail.English}", $"{at} {measure.What.Japanese}: {result.Japanese}{detail.Japanese}");
        }
    }
}
