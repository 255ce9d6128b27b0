using NexusBackupAgent.EndToEndTests.Alerts;

namespace NexusBackupAgent.EndToEndTests.Paging;

/// <summary>Where the Alertmanager files that the product ships lie.</summary>
internal static class ShippedFiles
{
    public static string Alertmanager => Path.Combine(RuleFile.Directory, "alertmanager.example.yml");

    public static string Templates => Path.Combine(RuleFile.Directory, "templates", "nexus-backup.tmpl");
}
