using NexusBackupAgent.Common;

namespace NexusBackupAgent.Runbook;

/// <summary>The words around a diagnosis.</summary>
internal static class DiagnosisWords
{
    public static readonly Bilingual Next = new("next", "次の対応");
    public static readonly Bilingual Also = new("also", "併発");
    public static readonly Bilingual Runbook = new("runbook", "Runbook");

    /// <summary>Where the alerts lead, too: who reads this at 03:00 may have no checkout of the sources.</summary>
    public static readonly Bilingual Pages = new(
        "https://github.com/nexus-backup/nexus-backup-agent/blob/main/docs/runbook.md", "https://github.com/nexus-backup/nexus-backup-agent/blob/main/docs/runbook.ja.md");

    /// <summary>The section of the shipped runbook that says more.</summary>
    public static string Link(Cause cause, Language language) =>
        $"{Pages.In(language)}#{DiagnosisTexts.Of(cause).Anchor}";
}
