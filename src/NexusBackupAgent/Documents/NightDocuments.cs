using NexusBackupAgent.Cli;
using NexusBackupAgent.Common;
using NexusBackupAgent.Runbook;

namespace NexusBackupAgent.Documents;

/// <summary>One source as <c>checklist --json</c> prints it.</summary>
internal sealed record ChecklistDocument(string Source, bool Passed, IReadOnlyList<ChecklistItemDocument> Checks)
{
    public static ChecklistDocument Of(string source, IReadOnlyList<CheckedItem> items, Language language) => new(
        source,
        items.All(item => item.Passed),
        [.. items.Select(item => new ChecklistItemDocument((int)item.Check, ChecklistTexts.Name(item.Check).In(language), item.Passed, item.Measured.In(language), item.Next))]);
}

/// <param name="Number">1 to 7, as the runbook's §6 numbers them.</param>
/// <param name="Next">The next command; null when it passed.</param>
internal sealed record ChecklistItemDocument(int Number, string Check, bool Passed, string Measured, string? Next);

/// <summary>One source as <c>diagnose --json</c> prints it.</summary>
/// <param name="Cause"><c>healthy</c>, <c>A</c>, <c>B</c>, <c>C</c>, <c>DB</c>, <c>E</c> or <c>F</c>.</param>
/// <param name="Level">Null when who looked may not see enough to name one.</param>
/// <param name="Reasons">What asks for the level, the highest first.</param>
/// <param name="Also">What else is wrong, as <paramref name="Cause"/> names it.</param>
/// <param name="Next">Commands in order.</param>
/// <param name="Log">Only for an unknown cause.</param>
internal sealed record DiagnosisDocument(
    string Source,
    string Cause,
    string Title,
    string? Level,
    IReadOnlyList<string> Reasons,
    string? Evidence,
    IReadOnlyList<string> Also,
    IReadOnlyList<StepDocument> Steps,
    IReadOnlyList<string> Next,
    IReadOnlyList<string> Log,
    string Runbook)
{
    public static DiagnosisDocument Of(Diagnosis diagnosis, IReadOnlyList<string> log, Language language) => new(
        diagnosis.Source,
        LetterOf(diagnosis.Cause),
        DiagnosisTexts.Of(diagnosis.Cause).Title.In(language),
        diagnosis.IsBlind ? null : Readable.Word(diagnosis.Level),
        [.. diagnosis.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.In(language)}")],
        diagnosis.Findings.Count == 0 ? null : diagnosis.Findings[0].Evidence.In(language),
        [.. diagnosis.Findings.Skip(1).Select(finding => LetterOf(finding.Cause))],
        [.. diagnosis.Steps.Select(step => new StepDocument(step.Number, step.Question.In(language), step.Passed, step.Evidence.In(language)))],
        diagnosis.Next,
        log,
        DiagnosisWords.Link(diagnosis.Cause, language));

    private static string LetterOf(Cause cause) => DiagnosisTexts.Of(cause).Letter is { Length: > 0 } letter ? letter : "healthy";
}

/// <param name="Passed">Null when it is not known.</param>
internal sealed record StepDocument(string Step, string Question, bool? Passed, string Evidence);

/// <summary>One source as <c>report --json</c> prints it.</summary>
/// <param name="RpoExceeded">Null when the store can't be read.</param>
/// <param name="Reasons">What asks for the level, the highest first.</param>
/// <param name="Text">The filled template.</param>
internal sealed record IncidentDocument(
    string Source,
    string Level,
    string? OccurredAt,
    IReadOnlyList<string> Kinds,
    string? LastGood,
    double? AgeSeconds,
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
        Readable.Word(incident.Level),
        incident.OccurredAt is { } at ? Readable.Utc(at) : null,
        [.. incident.Kinds.Select(kind => IncidentReport.NameOf(kind).In(language))],
        incident.LastGood is { } good ? Readable.Utc(good) : null,
        incident.Age is { } age ? Math.Round(age.TotalSeconds) : null,
        incident.IsBeyondRpo,
        incident.DiskUsedRatio,
        [.. incident.Measures.Select(measure => new MeasureDocument(Readable.Utc(measure.At), measure.What.In(language), measure.Succeeded, measure.Detail))],
        IncidentReport.StateOf(incident).In(language),
        [.. incident.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.In(language)}")],
        who,
        text);
}

/// <param name="Succeeded">Null while it is under way, or when its process died.</param>
internal sealed record MeasureDocument(string At, string What, bool? Succeeded, string Detail);
