namespace NexusBackupAgent.Runbook;

/// <summary>The words around a diagnosis.</summary>
internal static class DiagnosisWords
{
    public static readonly Bilingual Next = new("next", "次の対応");
    public static readonly Bilingual Also = new("also", "併発");
    public static readonly Bilingual Runbook = new("runbook", "Runbook");

    /// <summary>The section of the shipped runbook that says more.</summary>
    public static string Link(Cause cause, Language language) =>
        new Bilingual("docs/runbook.md#", "docs/runbook.ja.md#").In(language) + DiagnosisTexts.Of(cause).Anchor;
}
