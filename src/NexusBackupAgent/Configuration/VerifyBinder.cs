using NexusBackupAgent.Scheduling;

namespace NexusBackupAgent.Configuration;

/// <summary>When stored backups are read back again.</summary>
internal static class VerifyBinder
{
    private const string CronExample = "\"30 4 * * *\"";

    /// <param name="standard">Stands for what the file does not say.</param>
    public static VerifySchedule Bind(Section source, VerifySchedule standard)
    {
        if (source.FindSection("verify", $"verify: {{cron: {CronExample}, spread: 7d}}") is not { } section)
            return standard;
        UnknownKeys.Report(section, ConfigurationKeys.Verify);
        return new VerifySchedule(
            section.Find("cron")?.Parse(CronSchedule.Parse, standard.Cron, CronExample) ?? standard.Cron,
            section.Duration("spread", standard.Spread, TimeSpan.FromHours(1), TimeSpan.FromDays(366)));
    }
}
