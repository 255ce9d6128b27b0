using NexusBackupAgent.Common;
using NexusBackupAgent.Runbook;

namespace NexusBackupAgent.Documents;

/// <summary>One source as <c>diagnose --json</c> prints it.</summary>
/// <param name="Cause"><c>healthy</c>, <c>none</c> (no box of the flowchart, yet a level), <c>A</c>, <c>B</c>, <c>C</c>, <c>DB</c>, <c>E</c> or <c>F</c>.</param>
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
        DiagnosisTexts.Word(diagnosis.Cause),
        DiagnosisTexts.TitleOf(diagnosis.Cause, diagnosis.Noun).In(language),
        diagnosis.LevelWord,
        [.. diagnosis.Reasons.Select(reason => $"{reason.Level}: {reason.Reason.In(language)}")],
        diagnosis.Findings.Count == 0 ? null : diagnosis.Findings[0].Evidence.In(language),
        [.. diagnosis.Findings.Skip(1).Select(finding => DiagnosisTexts.Word(finding.Cause))],
        [.. diagnosis.Steps.Select(step => new StepDocument(step.Number, step.Question.In(language), step.Passed, step.Evidence.In(language)))],
        diagnosis.Next,
        log,
        DiagnosisTexts.Link(diagnosis.Cause, language));
}

/// <param name="Passed">Null when it is not known.</param>
internal sealed record StepDocument(string Step, string Question, bool? Passed, string Evidence);
