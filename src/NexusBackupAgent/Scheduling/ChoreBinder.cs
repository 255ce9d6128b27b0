using NexusBackupAgent.Configuration;
using NexusBackupAgent.Restore;

namespace NexusBackupAgent.Scheduling;

/// <summary>Reads <c>verify:</c> and <c>drill:</c>.</summary>
internal static class ChoreBinder
{
    private const string VerifyExample = "\"30 4 * * *\"";
    private const string DrillExample = "\"0 5 1 * *\"";

    public static readonly LevelKeys VerifyKeys = new("sources.<name>.verify", "cron", "spread");

    public static readonly LevelKeys DrillKeys = new("sources.<name>.drill", "cron", "probe");

    public static VerifySchedule BindVerify(Section source)
    {
        var standard = VerifySchedule.Standard;
        if (source.FindSection("verify", $"verify: {{cron: {VerifyExample}, spread: 7d}}") is not { } section)
            return standard;
        VerifyKeys.ReportOthers(section);
        return new VerifySchedule(
            section.Find("cron")?.Parse(CronSchedule.Parse, standard.Cron, VerifyExample) ?? standard.Cron,
            section.Duration("spread", standard.Spread, TimeSpan.FromHours(1), TimeSpan.FromDays(366)));
    }

    public static DrillConfiguration BindDrill(Section source)
    {
        var standard = DrillConfiguration.Standard;
        if (source.FindSection("drill", $"drill: {{cron: {DrillExample}, {ProbeBinder.Example}}}") is not { } section)
            return standard;
        DrillKeys.ReportOthers(section);
        return new DrillConfiguration(
            section.Find("cron")?.Parse(CronSchedule.Parse, standard.Cron, DrillExample) ?? standard.Cron,
            ProbeBinder.Bind(section));
    }
}
