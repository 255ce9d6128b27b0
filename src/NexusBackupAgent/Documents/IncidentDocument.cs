using NexusBackupAgent.Common;
using NexusBackupAgent.Runbook;
using NexusBackupAgent.Status;

namespace NexusBackupAgent.Documents;

/// <summary>One source as <c>report --json</c> prints it.</summary>
/// <param name="Rpo"><c>new</c>, <c>within</c>, past the <c>warning</c> or the <c>critical</c> threshold, or <c>exceeded</c>; null when nobody can tell.</param>
/// <param name="RpoExceeded">Whether that is <c>exceeded</c>.</param>
/// <param name="Reasons">What asks for the level, the highest first.</param>
/// <param name="Text">The filled template.</param>
internal sealed record IncidentDocument(
    string Source,
    string Level,
    string? OccurredAt,
    IReadOnlyList<string> Kinds,
    string? LastGood,
    double? AgeSeconds,
    string? Rpo,
    bool? RpoExceeded,
    double? DiskUsedRatio,
    IReadOnlyList<MeasureDocument> Measures,
    string State,
    IReadOnlyList<string> Reasons,
    string Operator,
    string Text)
{
    public static IncidentDocument Of(Incident incident, string who, string text, Language language) => new(
        incident.Source,
        incident.LevelWord,
        incident.OccurredAt is { } at ? JsonTime.Utc(at) : null,
        [.. incident.Kinds.Select(kind => IncidentReport.NameOf(kind).In(language))],
        incident.LastGood is { } good ? JsonTime.Utc(good) : null,
        incident.State.Age is { } age ? Math.Round(age.TotalSeconds) : null,
        incident.Rpo?.Word(),
        incident.Rpo is { } rpo ? rpo == RpoStanding.Exceeded : null,
        incident.DiskUsedRatio,
        [.. incident.Measures.Select(measure => new MeasureDocument(JsonTime.Utc(measure.At), measure.What.In(language), measure.Succeeded, measure.Detail))],
        IncidentReport.StateOf(incident).In(language),
        [.. incident.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.In(language)}")],
        who,
        text);
}

/// <param name="Succeeded">Null while it is under way, or when its process died.</param>
internal sealed record MeasureDocument(string At, string What, bool? Succeeded, string Detail);
