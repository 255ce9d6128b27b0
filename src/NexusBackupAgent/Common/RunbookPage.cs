namespace NexusBackupAgent.Common;

/// <summary>The runbook that ships with the program, and that the alerts lead to.</summary>
internal static class RunbookPage
{
    /// <summary>As it is called where it is installed.</summary>
    public static readonly Bilingual Name = new("runbook.md", "runbook.ja.md");

    public static readonly Bilingual Pages = new(Address(Name.English), Address(Name.Japanese));

    /// <param name="anchor">Of a section; both languages have the same.</param>
    public static string Of(string anchor, Language language) => $"{Pages.In(language)}#{anchor}";

    private static string Address(string file) => $"https://github.com/nexus-backup/nexus-backup-agent/blob/main/docs/{file}";
}
